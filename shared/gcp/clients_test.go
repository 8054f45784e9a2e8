package gcp_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"

	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/gcp/secretmanager/secretmanagertest"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// environment makes an Environment of variables.
func environment(variables map[string]string) gcp.Environment {
	return gcp.ReadEnvironment(func(name string) string { return variables[name] })
}

// noCredentials keeps the machine's own Google credentials out of a test.
func noCredentials(t *testing.T) {
	t.Helper()
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent/credentials.json")
}

func TestSecretsThroughTheEmulator(t *testing.T) {
	server, err := secretmanagertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	server.AddVersion("projects/p/secrets/token", []byte("one\n"))
	c := gcp.NewClients(environment(map[string]string{"PONGWATCH_SECRETMANAGER_EMULATOR_HOST": server.Addr()}))
	ref, err := secrets.ParseRef("sm://projects/p/secrets/token")
	if err != nil {
		t.Fatal(err)
	}
	if e, err := c.Secrets().Get(t.Context(), ref); err != nil || e.Value.Reveal() != "one" || e.Version != "1" {
		t.Errorf("got version %s, %v", e.Version, err)
	}
}

func TestPublishersThroughTheEmulator(t *testing.T) {
	server := pstest.NewServer()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	const reports, signals = "projects/p/topics/reports", "projects/other/topics/signals"
	for _, name := range []string{reports, signals} {
		if _, err := server.GServer.CreateTopic(t.Context(), &pubsubpb.Topic{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	c := gcp.NewClients(environment(map[string]string{
		gcp.ProjectVariable: "p", gcp.ReportsVariable: "reports", gcp.SignalsVariable: signals, "PUBSUB_EMULATOR_HOST": server.Addr,
	}))
	r, err := c.Reports(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Signals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for data, p := range map[string]report.Publisher{"a report": r, "a signal": s} {
		if err := p.Publish(t.Context(), report.Message{Data: []byte(data)}); err != nil {
			t.Errorf("%s: %v", data, err)
		}
	}
	got := map[string]string{}
	for _, m := range server.Messages() {
		got[string(m.Data)] = m.Topic
	}
	if got["a report"] != reports || got["a signal"] != signals {
		t.Errorf("arrived: %v", got)
	}
}

func TestMissingAndWrongVariablesAreNamed(t *testing.T) {
	noCredentials(t)
	tests := []struct {
		name      string
		variables map[string]string
		use       func(context.Context, *gcp.Clients) error
		want      string
	}{
		{"no project", nil, store, gcp.ProjectVariable},
		{"no topic of reports", nil, reports, gcp.ReportsVariable},
		{"no topic of signals", nil, signals, gcp.SignalsVariable},
		{"a topic that is none", map[string]string{gcp.ReportsVariable: "a/b", "PUBSUB_EMULATOR_HOST": "127.0.0.1:1"}, reports, gcp.ReportsVariable},
		{"a Firestore emulator elsewhere", map[string]string{gcp.ProjectVariable: "p", "FIRESTORE_EMULATOR_HOST": "203.0.113.7:1"}, store, "FIRESTORE_EMULATOR_HOST"},
		{"a Pub/Sub emulator elsewhere", map[string]string{gcp.ReportsVariable: "projects/p/topics/reports", "PUBSUB_EMULATOR_HOST": "203.0.113.7:1"}, reports, "PUBSUB_EMULATOR_HOST"},
		{"a Secret Manager emulator elsewhere", map[string]string{"PONGWATCH_SECRETMANAGER_EMULATOR_HOST": "203.0.113.7:1"}, secret, "PONGWATCH_SECRETMANAGER_EMULATOR_HOST"},
		{"no credentials", nil, secret, "credentials"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.use(t.Context(), gcp.NewClients(environment(tt.variables)))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one that names %s", err, tt.want)
			}
		})
	}
}

func store(ctx context.Context, c *gcp.Clients) error   { _, err := c.Store(ctx); return err }
func reports(ctx context.Context, c *gcp.Clients) error { _, err := c.Reports(ctx); return err }
func signals(ctx context.Context, c *gcp.Clients) error { _, err := c.Signals(ctx); return err }

func secret(ctx context.Context, c *gcp.Clients) error {
	ref, err := secrets.ParseRef("sm://projects/p/secrets/s")
	if err != nil {
		return err
	}
	_, err = c.Secrets().Get(ctx, ref)
	if err != nil && !errors.Is(err, secrets.ErrUnavailable) {
		return errors.New("not ErrUnavailable")
	}
	return err
}
