package cloudrun_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp/cloudrun"
)

// answering returns a client of a server that answers with these bodies by path below the service.
func answering(t *testing.T, bodies map[string]string) *cloudrun.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := bodies[strings.TrimPrefix(r.URL.Path, "/v2/"+service)]
		switch {
		case !ok:
			http.NotFound(w, r)
		case strings.HasPrefix(body, "/"):
			http.Redirect(w, r, "/v2/"+service+body, http.StatusFound)
		default:
			fmt.Fprint(w, body)
		}
	}))
	t.Cleanup(server.Close)
	return cloudrun.New(server.Listener.Addr().String(), "")
}

const (
	plain    = `{"containers":[{"env":[{"name":"A","value":"1"}]}]}`
	mocked   = `{"containers":[{"env":[{"name":"A"},{"name":"MOCK_REDIS","value":"true"}]}]}`
	hidden   = `{"containers":[{"env":[{"name":"A"},{"name":"MOCK_REDIS","valueSource":{}}]}]}`
	mounted  = `{"containers":[{"env":[{"name":"A"}]}],"volumes":[{"name":"s","secret":{}},{"name":"v"}]}`
	sidecars = `{"containers":[{"env":[{"name":"B"},{"name":"MOCK_REDIS","value":"1"}]},{"env":[{"name":"A"},{"name":"B"},{"name":"MOCK_REDIS","value":"2"}]}]}`
)

func TestRevisionsThatServe(t *testing.T) {
	// traffic makes the service's answer of revisions with their percentages.
	traffic := func(latest string, statuses ...string) string {
		return `{"template":` + plain + `,"latestReadyRevision":"` + service + `/revisions/ready","latestCreatedRevision":"` + service + `/revisions/` + latest +
			`","trafficStatuses":[` + strings.Join(statuses, ",") + `]}`
	}
	to := func(name string, percent int) string {
		return fmt.Sprintf(`{"revision":%q,"percent":%d}`, name, percent)
	}
	all := func(name string) config.Deployment { return config.Deployment{Variables: []string{name}} }
	tests := []struct {
		name    string
		service string
		want    config.Deployment
	}{
		{"the latest one alone: the template", traffic("r1", to("r1", 100)), all("A")},
		{"two, the first of which mocks", traffic("r9", to("mocked", 50), to("plain", 50)), config.Deployment{Variables: []string{"A"}, Mock: "true"}},
		{"two, the second of which mocks", traffic("r9", to("plain", 50), to("mocked", 50)), config.Deployment{Variables: []string{"A"}, Mock: "true"}},
		{"two, the first of which hides", traffic("r9", to("hidden", 50), to("plain", 50)), config.Deployment{Variables: []string{"A"}, Hidden: true}},
		{"two, the second of which hides", traffic("r9", to("plain", 50), to("hidden", 50)), config.Deployment{Variables: []string{"A"}, Hidden: true}},
		{"two, the first of which mounts", traffic("r9", to("mounted", 50), to("plain", 50)), config.Deployment{Variables: []string{"A"}, Mounted: true}},
		{"two, the second of which mounts", traffic("r9", to("plain", 50), to("mounted", 50)), config.Deployment{Variables: []string{"A"}, Mounted: true}},
		{"one percent counts", traffic("r9", to("mocked", 1), to("plain", 99)), config.Deployment{Variables: []string{"A"}, Mock: "true"}},
		{"no percent does not", traffic("r9", to("mocked", 0), to("plain", 100)), all("A")},
		{"one that is named twice is read once", traffic("r9", to("plain", 10), to("plain", 20), to("plain", 30), to("plain", 30), to("mocked", 10)), config.Deployment{Variables: []string{"A"}, Mock: "true"}},
		{"the fourth counts", traffic("r9", to("p1", 1), to("p2", 1), to("p3", 1), to("mocked", 97)), config.Deployment{Variables: []string{"A"}, Mock: "true"}},
		{"the fifth does not", traffic("r9", to("p1", 1), to("p2", 1), to("p3", 1), to("p4", 1), to("mocked", 96)), all("A")},
		{"the latest ready one, where none is named", traffic("r9", `{"percent":100}`), config.Deployment{Variables: []string{"MOCK_REDIS"}, Mock: "of the ready one"}},
		{"none is named and none is ready: the template", `{"template":` + plain + `,"trafficStatuses":[{"percent":100}]}`, all("A")},
		{"two containers: each name once, the first mock", traffic("r9", to("sidecars", 100)), config.Deployment{Variables: []string{"A", "B", "MOCK_REDIS"}, Mock: "1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := answering(t, map[string]string{
				"": tt.service, "/revisions/plain": plain, "/revisions/mocked": mocked, "/revisions/hidden": hidden, "/revisions/mounted": mounted, "/revisions/sidecars": sidecars,
				"/revisions/p1": plain, "/revisions/p2": plain, "/revisions/p3": plain, "/revisions/p4": plain,
				"/revisions/ready": `{"containers":[{"env":[{"name":"MOCK_REDIS","value":"of the ready one"}]}]}`,
			})
			got, err := client.Environment(t.Context(), service)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	padded := func(n int) string { return `{"template":` + plain + `}` + strings.Repeat(" ", n-len(plain)-13) }
	serves := `{"latestReadyRevision":"x","trafficStatuses":[{"revision":"r1","percent":100}]}`
	tests := []struct {
		name   string
		bodies map[string]string
		want   error  // nil is an answer
		text   string // part of the error
	}{
		{"at the limit of a megabyte", map[string]string{"": padded(1 << 20)}, nil, ""},
		{"above it", map[string]string{"": padded(1<<20 + 1)}, cloudrun.ErrUnavailable, "too large"},
		{"no JSON", map[string]string{"": "<html>"}, cloudrun.ErrUnavailable, "no JSON"},
		{"a variable that is no object", map[string]string{"": `{"template":{"containers":[{"env":[7]}]}}`}, cloudrun.ErrUnavailable, "no JSON"},
		{"a variable whose value is no text", map[string]string{"": `{"template":{"containers":[{"env":[{"name":"MOCK_REDIS","value":7}]}]}}`}, cloudrun.ErrUnavailable, "no JSON"},
		{"a redirect is not followed", map[string]string{"": "/elsewhere", "/elsewhere": `{"template":` + plain + `}`}, cloudrun.ErrUnavailable, "HTTP 302"},
		{"no service", nil, cloudrun.ErrNotFound, "reading the service: not found"},
		{"a service whose revision is gone", map[string]string{"": serves}, cloudrun.ErrNotFound, "reading a revision: not found"},
		{"an answer that breaks off", map[string]string{"": `{"template":`}, cloudrun.ErrUnavailable, "no JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := answering(t, tt.bodies).Environment(t.Context(), service)
			if tt.want == nil && err != nil || tt.want != nil && (!errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text)) {
				t.Errorf("error %v, want %v with %q", err, tt.want, tt.text)
			}
		})
	}
	if _, err := answering(t, nil).Environment(t.Context(), "no name\x7f"); !errors.Is(err, cloudrun.ErrNotFound) || !strings.Contains(err.Error(), "is not the name of a resource") {
		t.Errorf("a name that is none: %v", err)
	}
}
