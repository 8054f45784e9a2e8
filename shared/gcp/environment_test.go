package gcp_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/internal/texttest"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/gcp/cloudrun/cloudruntest"
	"github.com/pongwatch/pongwatch/shared/gcp/oidc/oidctest"
	"github.com/pongwatch/pongwatch/shared/outbound/outboundtest"
)

// google serves the hosts of Google.
var google *outboundtest.Internet

func TestMain(m *testing.M) {
	var err error
	if google, err = outboundtest.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	google.Close()
	os.Exit(code)
}

func TestEachVariableHasItsField(t *testing.T) {
	// The names are Terraform's, Cloud Run's and the emulators'.
	want := gcp.Environment{
		Project: "of GOOGLE_CLOUD_PROJECT", Region: "of PONGWATCH_REGION", Database: "of PONGWATCH_FIRESTORE_DATABASE",
		Reports: "of PONGWATCH_TOPIC_REPORTS", Signals: "of PONGWATCH_TOPIC_SIGNALS", Audience: "of PONGWATCH_AUDIENCE",
		Service: "of K_SERVICE", Revision: "of K_REVISION",
		SecretManagerEmulator: "of PONGWATCH_SECRETMANAGER_EMULATOR_HOST", FirestoreEmulator: "of FIRESTORE_EMULATOR_HOST",
		PubSubEmulator: "of PUBSUB_EMULATOR_HOST", CloudRunEmulator: "of PONGWATCH_CLOUDRUN_EMULATOR_HOST",
		MonitoringEmulator: "of PONGWATCH_CLOUDMONITORING_EMULATOR_HOST",
	}
	if diff := cmp.Diff(want, gcp.ReadEnvironment(func(name string) string { return "of " + name })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLinesNameTheServiceAndItsVersion(t *testing.T) {
	var b bytes.Buffer
	gcp.Environment{Service: "alert", Revision: "alert-00007"}.Logger(&b).Error("failed")
	got := logged(t, &b)[0]["serviceContext"]
	if diff := cmp.Diff(map[string]any{"service": "alert", "version": "alert-00007"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDeploymentsThroughTheEmulator(t *testing.T) {
	server := cloudruntest.Start()
	t.Cleanup(server.Close)
	const service = "projects/p/locations/l/services/s"
	server.Deploy(service, cloudruntest.Revision{Name: "r1", Percent: 100, Variables: []cloudruntest.Variable{{Name: "A"}}})
	variables := map[string]string{"PONGWATCH_CLOUDRUN_EMULATOR_HOST": server.Addr()}
	if got, err := gcp.NewClients(environment(variables)).Environment(t.Context(), service); err != nil || len(got.Variables) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	variables["PONGWATCH_CLOUDRUN_EMULATOR_HOST"] = "203.0.113.7:1"
	if _, err := gcp.NewClients(environment(variables)).Environment(t.Context(), service); err == nil || !strings.Contains(err.Error(), "PONGWATCH_CLOUDRUN_EMULATOR_HOST") {
		t.Errorf("an emulator elsewhere: %v", err)
	}
}

// The guard verifies tokens with the keys that Google publishes.
func TestCallers(t *testing.T) {
	const audience, scheduler = "https://healthcheck-1.us-east4.run.app", "scheduler@p.iam.gserviceaccount.com"
	issuer, err := oidctest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	google.Handle("www.googleapis.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys, err := issuer.Client().Transport.RoundTrip(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer keys.Body.Close()
		_, _ = io.Copy(w, keys.Body)
	}))
	t.Cleanup(func() { google.Handle("www.googleapis.com", nil) })
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	e := gcp.Environment{Audience: audience}
	if _, err := (gcp.Environment{}).Callers(true, logger, "access.invokers", scheduler); err == nil || !strings.Contains(err.Error(), "PONGWATCH_AUDIENCE") || !strings.Contains(err.Error(), "audience is empty") {
		t.Errorf("without an audience: error %v", err)
	}
	for _, open := range []bool{true, false} {
		for _, none := range [][]string{nil, {""}} {
			if guard, err := e.Callers(open, logger, "access.invokers", none...); guard != nil || err == nil || !strings.Contains(err.Error(), "access.invokers") {
				t.Errorf("without callers: a guard: %v, error %v", guard != nil, err)
			}
		}
	}
	guard, err := e.Callers(true, logger, "access.invokers", scheduler)
	if err != nil {
		t.Fatal(err)
	}
	for email, want := range map[string]int{scheduler: http.StatusNoContent, "other@p.iam.gserviceaccount.com": http.StatusForbidden} {
		log.Reset()
		token, err := issuer.Token(oidctest.ClaimsOf(email, audience, time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })).ServeHTTP(w, r)
		if w.Code != want || (want == http.StatusForbidden) != strings.Contains(log.String(), "request refused") {
			t.Errorf("%s: %d, logged %q; want %d", email, w.Code, log.String(), want)
		}
	}
}

// A region's name is a label of figures, and the others stand in logs.
func TestNoVariableIsLeftAsItCame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		said := texttest.Hostile(t, "said")
		e := reflect.ValueOf(gcp.ReadEnvironment(func(string) string { return said }))
		for _, field := range e.Fields() {
			if why := texttest.Unfit(field.String(), 1<<10); why != "" {
				t.Errorf("%s: %.200q", why, field.String())
			}
		}
	})
}
