package cloudrun_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp/cloudrun"
	"github.com/pongwatch/pongwatch/shared/gcp/cloudrun/cloudruntest"
	"github.com/pongwatch/pongwatch/shared/outbound/outboundtest"
)

const (
	service = "projects/app-project/locations/us-east4/services/backend"
	canary  = "AXpq-a-token-that-stays-secret"
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

func start(t *testing.T) (*cloudruntest.Server, *cloudrun.Client) {
	t.Helper()
	server := cloudruntest.Start()
	t.Cleanup(server.Close)
	return server, cloudrun.New(server.Addr(), server.Addr())
}

func TestEnvironment(t *testing.T) {
	address := cloudruntest.Variable{Name: "UPSTASH_REDIS_URL", Value: "https://x.upstash.io"}
	token := cloudruntest.Variable{Name: "UPSTASH_REDIS_TOKEN", Value: canary}
	mock := func(value string) cloudruntest.Variable {
		return cloudruntest.Variable{Name: "MOCK_REDIS", Value: value}
	}
	revision := func(name string, percent int, variables ...cloudruntest.Variable) cloudruntest.Revision {
		return cloudruntest.Revision{Name: name, Percent: percent, Variables: variables}
	}
	tests := []struct {
		name      string
		revisions []cloudruntest.Revision
		want      config.Deployment
		asked     int
	}{
		{
			"one revision: its names, and the value of MOCK_REDIS alone",
			[]cloudruntest.Revision{revision("r1", 100, address, token, mock("false"))},
			config.Deployment{Variables: []string{"MOCK_REDIS", "UPSTASH_REDIS_TOKEN", "UPSTASH_REDIS_URL"}, Mock: "false"},
			1,
		},
		{"no variables", []cloudruntest.Revision{revision("r1", 100)}, config.Deployment{Variables: []string{}}, 1},
		{"no traffic yet: the latest", []cloudruntest.Revision{revision("r1", 0, address)}, config.Deployment{Variables: []string{"UPSTASH_REDIS_URL"}}, 1},
		{
			"rolled back: the revision that serves, not the latest one",
			[]cloudruntest.Revision{revision("r1", 100, address, mock("true")), revision("r2", 0, address)},
			config.Deployment{Variables: []string{"MOCK_REDIS", "UPSTASH_REDIS_URL"}, Mock: "true"},
			2,
		},
		{
			"two that serve: what both have, and the mock of either",
			[]cloudruntest.Revision{revision("r1", 10, address, mock("1")), revision("r2", 90, address, token)},
			config.Deployment{Variables: []string{"UPSTASH_REDIS_URL"}, Mock: "1"},
			3,
		},
		{
			"MOCK_REDIS from a secret is not read",
			[]cloudruntest.Revision{revision("r1", 100, cloudruntest.Variable{Name: "MOCK_REDIS", Secret: "mock"})},
			config.Deployment{Variables: []string{"MOCK_REDIS"}, Hidden: true},
			1,
		},
		{
			"a secret that is mounted as a file",
			[]cloudruntest.Revision{{Name: "r1", Percent: 100, Mounted: "dotenv"}},
			config.Deployment{Variables: []string{}, Mounted: true},
			1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, client := start(t)
			server.Deploy(service, tt.revisions...)
			got, err := client.Environment(t.Context(), service)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if strings.Contains(fmt.Sprintf("%+v", got), canary) {
				t.Error("the environment holds a secret")
			}
			if asked := server.Asked(); len(asked) != tt.asked || slices.ContainsFunc(asked, func(name string) bool { return !strings.HasPrefix(name, service) }) {
				t.Errorf("asked for %v, want %d names of the service", asked, tt.asked)
			}
		})
	}
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	tests := []struct {
		name, service string
		status        int
		want          error
	}{
		{"no permission", service, http.StatusForbidden, cloudrun.ErrDenied},
		{"no such service", service + "-2", 0, cloudrun.ErrNotFound},
		{"an outage", service, http.StatusServiceUnavailable, cloudrun.ErrUnavailable},
		{"too many requests", service, http.StatusTooManyRequests, cloudrun.ErrUnavailable},
		{"a redirect", service, http.StatusFound, cloudrun.ErrUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, client := start(t)
			server.Deploy(service, cloudruntest.Revision{Name: "r1", Variables: []cloudruntest.Variable{{Name: "A", Value: canary}}})
			server.Fail(tt.status)
			_, err := client.Environment(t.Context(), tt.service)
			if !errors.Is(err, tt.want) || strings.Contains(err.Error(), canary) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
	t.Run("no server there", func(t *testing.T) {
		server, client := start(t)
		server.Close()
		if _, err := client.Environment(t.Context(), service); !errors.Is(err, cloudrun.ErrUnavailable) {
			t.Errorf("error %v, want %v", err, cloudrun.ErrUnavailable)
		}
	})
}

// Without an emulator the token is the instance's, from the metadata server.
func TestTheTokenIsTheInstances(t *testing.T) {
	server := cloudruntest.Start()
	t.Cleanup(server.Close)
	t.Setenv("GCE_METADATA_HOST", server.Addr())
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	t.Setenv("HOME", t.TempDir()) // without the developer's own credentials
	t.Setenv("CLOUDSDK_CONFIG", filepath.Join(t.TempDir(), "none"))
	client := cloudrun.New("", "")
	target, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	google.Handle("run.googleapis.com", httputil.NewSingleHostReverseProxy(target))
	server.Deploy(service, cloudruntest.Revision{Name: "r1", Percent: 100, Variables: []cloudruntest.Variable{{Name: "A"}}})
	if got, err := client.Environment(t.Context(), service); err != nil || !slices.Equal(got.Variables, []string{"A"}) {
		t.Errorf("%+v, error %v", got, err)
	}
}

func TestOnlyAnEmulatorOnThisMachine(t *testing.T) {
	client := cloudrun.New("run.example.com:443", "monitoring.example.com:443")
	if _, err := client.Environment(t.Context(), service); err == nil || !strings.Contains(err.Error(), cloudrun.EmulatorVariable) {
		t.Errorf("error %v, want one that names %s", err, cloudrun.EmulatorVariable)
	}
	if _, err := client.Traffic(t.Context(), service, began, began.Add(time.Hour)); err == nil || !strings.Contains(err.Error(), cloudrun.MonitoringEmulatorVariable) {
		t.Errorf("error %v, want one that names %s", err, cloudrun.MonitoringEmulatorVariable)
	}
}
