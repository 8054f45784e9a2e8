package upstash

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// The audit log has no version in its path; names of databases are looked up only where
// something was done.
func TestActions(t *testing.T) {
	at := time.Unix(1795371660, 0).UTC()
	entry := func(seconds int, action string, entities ...string) string {
		entities = append(entities, "", "", "")
		return fmt.Sprintf(`{"timestamp":%d,"action_string":%q,"entity":%q,"secondary_entity":%q,"third_entity":%q}`, at.Unix()+int64(seconds), action, entities[0], entities[1], entities[2])
	}
	tests := []struct {
		name, log string
		want      []Action
		names     bool
		cause     cause.Cause
	}{
		{"the documentation's example", string(sample(t, "auditlogs.json")), []Action{{At: at, Name: "Delete Team", Entities: []string{"test_team"}}}, true, ""},
		{"by name", "[" + entry(0, "Reset Password", "cache", "NA") + "]", []Action{{At: at, Name: "Reset Password", Entities: []string{"cache"}, Databases: []string{"id-1"}}}, true, ""},
		{"by id", "[" + entry(0, "Reset Password", "NA", "id-2") + "]", []Action{{At: at, Name: "Reset Password", Entities: []string{"id-2"}, Databases: []string{"id-2"}}}, true, ""},
		{"at that time and later", "[" + entry(-1, "Old") + "," + entry(0, "Now") + "," + entry(1, "New") + "]", []Action{{At: at, Name: "Now"}, {At: at.Add(time.Second), Name: "New"}}, true, ""},
		{"nothing lately", "[" + entry(-1, "Old", "cache") + "]", nil, false, ""},
		{"nothing at all", "[]", nil, false, ""},
		{"an action without a name", "[" + entry(0, "") + "]", nil, false, ""},
		{"an entry of another shape among others", `[7,{"timestamp":"today","action_string":"Old"},` + entry(0, "Now") + "]", []Action{{At: at, Name: "Now"}}, true, ""},
		{"another shape", `{"logs":[]}`, nil, false, cause.MonitorManagement},
		{"no JSON", "<html>", nil, false, cause.MonitorManagement},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var asked []string
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.URL.RequestURI())
				if email, key, _ := r.BasicAuth(); email != "ops@example.com" || key != "key" {
					t.Errorf("asked as %q with %q", email, key)
				}
				if r.URL.Path == "/auditlogs" {
					_, _ = w.Write([]byte(tt.log))
					return
				}
				_, _ = w.Write([]byte(`[{"database_id":"id-1","database_name":"cache","rest_token":"AXcanary"},{"database_id":"id-2","database_name":"queue"}]`))
			}))
			defer srv.Close()
			m, err := NewManagement("ops@example.com", Options{URL: srv.URL + "/v2", Token: secrets.New("key"), AllowHTTP: true})
			if err != nil {
				t.Fatal(err)
			}
			defer m.CloseIdleConnections()
			got, err := m.Actions(t.Context(), at)
			if CauseOf(err) != tt.cause {
				t.Fatalf("error %v, want %q", err, tt.cause)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			want := "/auditlogs"
			if tt.names {
				want += " /v2/redis/databases?credentials=hide"
			}
			if got := strings.Join(asked, " "); got != want {
				t.Errorf("asked %s, want %s", got, want)
			}
		})
	}
}
