package pubsub_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pongwatch/pongwatch/shared/gcp/pubsub"
	"github.com/pongwatch/pongwatch/shared/report"
)

const topicName = "projects/p/topics/reports"

func start(t *testing.T, o ...pstest.ServerReactorOption) (*pstest.Server, *pubsub.Topic) {
	t.Helper()
	server := pstest.NewServer(o...)
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := server.GServer.CreateTopic(t.Context(), &pubsubpb.Topic{Name: topicName}); err != nil {
		t.Fatal(err)
	}
	client, err := pubsub.New(t.Context(), server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	topic, err := client.Topic(topicName)
	if err != nil {
		t.Fatal(err)
	}
	return server, topic
}

func TestPublish(t *testing.T) {
	server, topic := start(t)
	m := report.Message{Data: []byte{0x1f, 0x8b, 0, 1}, Attributes: map[string]string{"v": "1", "kind": "report", "shard": "main"}}
	if err := topic.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := server.Messages()
	if len(got) != 1 {
		t.Fatalf("%d messages arrived, want 1", len(got))
	}
	if diff := cmp.Diff(m, report.Message{Data: got[0].Data, Attributes: got[0].Attributes}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPublishRefusesMoreThanAMegabyte(t *testing.T) {
	server, topic := start(t)
	m := report.Message{Data: make([]byte, report.MaxPublished)}
	if err := topic.Publish(t.Context(), m); err != nil {
		t.Errorf("a megabyte: %v", err)
	}
	m.Data = append(m.Data, 0)
	if err := topic.Publish(t.Context(), m); !errors.Is(err, report.ErrTooLarge) {
		t.Errorf("one byte more: %v, want ErrTooLarge", err)
	}
	if got := len(server.Messages()); got != 1 {
		t.Errorf("%d messages arrived, want 1", got)
	}
}

func TestPublishErrors(t *testing.T) {
	tests := []struct {
		name string
		code codes.Code
		want string
	}{
		{"an unknown topic", codes.NotFound, "no such topic"},
		{"a missing role", codes.PermissionDenied, "roles/pubsub.publisher"},
		{"another reason stays as it is", codes.InvalidArgument, "injected"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, topic := start(t, pstest.WithErrorInjection("Publish", tt.code, "injected"))
			err := topic.Publish(t.Context(), report.Message{Data: []byte("x")})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), topicName) {
				t.Errorf("error %v, want one that names the topic and %q", err, tt.want)
			}
		})
	}
}

func TestABlipIsRepeated(t *testing.T) {
	server, topic := start(t)
	server.SetAutoPublishResponse(false)
	server.AddPublishResponse(nil, status.Error(codes.Unavailable, "try again"))
	server.AddPublishResponse(&pubsubpb.PublishResponse{MessageIds: []string{"1"}}, nil)
	began := time.Now()
	if err := topic.Publish(t.Context(), report.Message{Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestAnOutageEndsWithTheCallersDeadline(t *testing.T) {
	_, topic := start(t, pstest.WithErrorInjection("Publish", codes.Unavailable, "down"))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := topic.Publish(ctx, report.Message{Data: []byte("x")}); err == nil {
		t.Error("no error although nothing was stored")
	}
}

func TestOnlyAnEmulatorOnLoopbackIsAccepted(t *testing.T) {
	for how, connect := range map[string]func() error{
		"as an argument": func() error {
			_, err := pubsub.New(t.Context(), "203.0.113.7:8085")
			return err
		},
		"from the environment, which the library obeys by itself": func() error {
			t.Setenv(pubsub.EmulatorVariable, "203.0.113.7:8085")
			_, err := pubsub.New(t.Context(), "")
			return err
		},
	} {
		if err := connect(); err == nil || !strings.Contains(err.Error(), pubsub.EmulatorVariable) {
			t.Errorf("%s: error %v, want one that names the variable", how, err)
		}
	}
}

func TestTopicNames(t *testing.T) {
	client, err := pubsub.New(t.Context(), "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	for name, ok := range map[string]bool{
		topicName: true,
		"projects/example.com:p/topics/pongwatch-reports": true,
		"reports":               false,
		"projects/p/topics/":    false,
		"projects/p/topics/ab":  false,
		"projects/p/topics/abc": true,
		"projects/p/topics/" + strings.Repeat("a", 255): true,
		"projects/p/topics/" + strings.Repeat("a", 256): false,
		"projects/p/subscriptions/reports":              false,
		"projects/p/topics/reports/":                    false,
		"/projects/p/topics/reports":                    false,
		"//pubsub.googleapis.com/projects/":             false,
	} {
		if _, err := client.Topic(name); (err == nil) != ok {
			t.Errorf("%q: %v, want accepted %v", name, err, ok)
		}
	}
}
