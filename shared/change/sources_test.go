package change_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/change"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

const document = `
credentials: sm://projects/p/secrets/bundle
databases:
  - {name: a, url: "https://a.upstash.io", database_id: id-a, app: [{service: backend, cloud_run: projects/p/locations/l/services/backend}, {service: page, health_url: "https://app.example.com/health"}]}
  - {name: b, url: "https://b.upstash.io", token: "sm://projects/p/secrets/b", app: {service: backend, cloud_run: projects/p/locations/l/services/backend}}
  - {name: c, shard: other, url: "https://c.upstash.io", token: "sm://projects/p/secrets/c", database_id: id-c, app: {service: c, cloud_run: projects/p/locations/l/services/c}}
`

func parse(t *testing.T) *config.Config {
	t.Helper()
	c, problems := config.Parse(true, config.Document{Name: "test", Text: []byte(document)})
	if c == nil {
		t.Fatal(problems)
	}
	return c
}

// deployed returns a source that knows one deployment of backend.
func deployed(d report.Rollout) change.Sources {
	return change.Sources{Rollout: func(context.Context, string, time.Time) (report.Rollout, error) { return d, nil }}
}

func TestWhatIsSaidOfADeployment(t *testing.T) {
	ago := func(minutes int) time.Time { return failed.Add(-time.Duration(minutes) * time.Minute) }
	tests := []struct {
		name string
		d    report.Rollout
		want string
		at   time.Time
	}{
		{"a new revision", report.Rollout{Updated: ago(3), Revision: "backend-00042", Percent: 100, Created: ago(4)}, "backend-00042 got 100 % of the traffic", ago(3)},
		{"a share of the traffic, later than the revision", report.Rollout{Updated: ago(3), Revision: "backend-00042", Percent: 5, Created: ago(50)}, "backend-00042 got 5 % of the traffic", ago(3)},
		{"an old revision", report.Rollout{Updated: ago(3), Revision: "backend-00040", Percent: 100, Created: ago(600)}, "backend was updated: backend-00040 gets 100 % of the traffic", ago(3)},
		{"none for an hour", report.Rollout{Updated: ago(61), Revision: "backend-00042", Percent: 100, Created: ago(62)}, "", time.Time{}},
		{"one that failed", report.Rollout{Updated: ago(3), Revision: "backend-00041", Percent: 100, Created: ago(600), Failed: true}, "", time.Time{}},
		{"one that failed after one that did not", report.Rollout{Updated: ago(3), Revision: "backend-00042", Percent: 100, Created: ago(20), Failed: true}, "backend-00042 got 100 % of the traffic", ago(20)},
		{"no revision serves", report.Rollout{Updated: ago(3)}, "", time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := deployed(tt.d).Read(t.Context(), parse(t), "main", failed)
			if err != nil {
				t.Fatal(err)
			}
			var want []report.Change
			if tt.want != "" {
				want = []report.Change{{At: tt.at, Kind: report.Deployed, Databases: []string{"a", "b"}, What: tt.want}}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsReadAndForWhom(t *testing.T) {
	var read []string
	mu := make(chan struct{}, 1)
	note := func(s string) { mu <- struct{}{}; read = append(read, s); <-mu }
	s := change.Sources{
		Secret: func(_ context.Context, secret string) (string, time.Time, error) {
			note(secret)
			return "7", failed.Add(-time.Hour), nil
		},
		Actions: func(_ context.Context, since time.Time) ([]upstash.Action, error) {
			if !since.Equal(failed.Add(-time.Hour)) {
				t.Errorf("asked since %v", since)
			}
			at := failed.Add(-time.Minute)
			return []upstash.Action{
				{At: at, Name: "Reset Password", Entities: []string{"the cache"}, Databases: []string{"id-a"}},
				{At: at, Name: "Update Budget", Entities: []string{"b"}},
				{At: at, Name: "Delete Team", Entities: []string{"crew"}},
				{At: at, Name: "Invite"},
				{At: at, Name: "Delete Database", Entities: []string{"of another shard"}, Databases: []string{"id-c"}},
				{At: at, Name: "Delete Database", Entities: []string{"that is not watched"}, Databases: []string{"id-x"}},
				{At: at, Name: strings.Repeat("x", 1000)},
			}, nil
		},
	}
	got, err := s.Read(t.Context(), parse(t), "main", failed)
	if err != nil {
		t.Fatal(err)
	}
	long := got[len(got)-1]
	if len(long.What) != report.MaxEvidence {
		t.Errorf("a name from outside has %d bytes", len(long.What))
	}
	at := failed.Add(-time.Minute)
	want := []report.Change{
		{At: failed.Add(-time.Hour), Kind: report.Secret, Databases: []string{"b"}, What: "secret b got version 7"},
		{At: failed.Add(-time.Hour), Kind: report.Secret, Databases: []string{"a"}, What: "secret bundle got version 7"},
		{At: at, Kind: report.Account, What: "Upstash's audit log says Delete Team (crew)"},
		{At: at, Kind: report.Account, What: "Upstash's audit log says Invite"},
		{At: at, Kind: report.Password, Databases: []string{"a"}, What: "Upstash's audit log says Reset Password (the cache)"},
		{At: at, Kind: report.Planned, Databases: []string{"b"}, What: "Upstash's audit log says Update Budget (b)"},
	}
	if diff := cmp.Diff(want, got[:len(got)-1]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(read) != 2 {
		t.Errorf("read %q, want the two secrets of the shard, each once", read)
	}
}

// A source that fails, or that does not answer, takes nothing from the others.
func TestASourceThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := deployed(report.Rollout{Updated: failed, Revision: "r", Percent: 100, Created: failed})
		s.Secret = func(context.Context, string) (string, time.Time, error) {
			return "", time.Time{}, errors.New("access denied")
		}
		s.Actions = func(ctx context.Context, _ time.Time) ([]upstash.Action, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		began := time.Now()
		got, err := s.Read(t.Context(), parse(t), "main", failed)
		if len(got) != 1 || got[0].What != "r got 100 % of the traffic" {
			t.Errorf("got %+v", got)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("took %v", took)
		}
		for _, want := range []string{"projects/p/secrets/b: access denied", "the Upstash account"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v does not name %q", err, want)
			}
		}
	})
}

// What the configuration does not ask for is not read.
func TestNoSourceReadsNothing(t *testing.T) {
	if got, err := (change.Sources{}).Read(t.Context(), parse(t), "main", failed); got != nil || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}
