package webhook_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/functions/alert/webhook"
	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// posted is what the other side reads of a payload.
type posted struct {
	GroupKey, Status string
	Alerts           []struct {
		Status, Fingerprint string
		Labels              map[string]string
		EndsAt              time.Time
	}
}

func alertmanager(t *testing.T, url string, change func(*webhook.Options)) *webhook.Receiver {
	t.Helper()
	o := webhook.Options{
		Name: "oncall", URL: message.Fixed(secrets.New(url)), Alertmanager: true, Token: message.Fixed(secrets.New("the-token\n")), AllowLoopback: true,
	}
	change(&o)
	r, err := webhook.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAlertmanagerPayloads pins what is posted; alertmanagerlint reads the same files.
func TestAlertmanagerPayloads(t *testing.T) {
	c := catch(t, nil)
	r := alertmanager(t, c.URL, func(*webhook.Options) {})
	for name, n := range map[string]incident.Notice{
		"opened": messagetest.Notice(incident.Opened, cause.AuthInvalid), "resolved": messagetest.Notice(incident.Resolved, cause.AuthInvalid),
		"group": messagetest.Group(incident.Opened, 3), "drill": messagetest.Notice(incident.Drill, cause.AuthInvalid), "mock": messagetest.Notice(incident.Opened, cause.Mock),
	} {
		c.bodies = nil
		if _, outcome, err := r.Deliver(t.Context(), message.Render(n, messagetest.Context()), message.Ref{}); err != nil || outcome.Result != message.Delivered || len(c.bodies) != 1 {
			t.Fatalf("%s: %v, %v, %d bodies", name, outcome, err, len(c.bodies))
		}
		var v any
		if err := json.Unmarshal([]byte(c.bodies[0]), &v); err != nil {
			t.Fatal(err)
		}
		pretty, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		goldentest.Compare(t, "testdata/alertmanager/"+name+".json", append(pretty, '\n'))
	}
}

// Group key and fingerprint stay through the incident's life, whatever else changes, and
// differ from those of another incident.
func TestAlertmanagerKnowsAnIncidentAgain(t *testing.T) {
	c := catch(t, nil)
	r := alertmanager(t, c.URL, func(*webhook.Options) {})
	deliver := func(n incident.Notice, want ...string) []posted {
		t.Helper()
		c.bodies = nil
		if _, _, err := r.Deliver(t.Context(), message.Render(n, messagetest.Context()), message.Ref{}); err != nil {
			t.Fatal(err)
		}
		var all []posted
		var statuses []string
		for _, body := range c.bodies {
			var p posted
			if err := json.Unmarshal([]byte(body), &p); err != nil {
				t.Fatal(err)
			}
			all, statuses = append(all, p), append(statuses, p.Status)
		}
		if diff := cmp.Diff(want, statuses); diff != "" {
			t.Errorf("%s: posts (-want +got):\n%s", n.Event(), diff)
		}
		return all
	}
	first := deliver(messagetest.Notice(incident.Opened, cause.AuthInvalid), "firing")[0]
	for _, tt := range []struct {
		event incident.Event
		cause cause.Cause
		want  []string
	}{
		{incident.Updated, cause.AuthInvalid, nil},
		{incident.Acknowledged, cause.AuthInvalid, nil},
		{incident.Silenced, cause.AuthInvalid, nil},
		{incident.Reminder, cause.AuthInvalid, []string{"firing"}},
		{incident.CauseChanged, cause.Slow, []string{"firing"}},
		{incident.Reopened, cause.AuthInvalid, []string{"firing"}},
		{incident.Resolved, cause.AuthInvalid, []string{"resolved"}},
		{incident.NoLongerWatched, cause.AuthInvalid, []string{"resolved"}},
		{incident.Past, cause.AuthInvalid, []string{"firing", "resolved"}},
	} {
		for k, p := range deliver(messagetest.Notice(tt.event, tt.cause), tt.want...) {
			a := p.Alerts[0]
			if p.GroupKey != first.GroupKey || a.Fingerprint != first.Alerts[0].Fingerprint || a.Labels["incident"] != first.Alerts[0].Labels["incident"] || len(a.Fingerprint) != 16 {
				t.Errorf("%s: group key %q, fingerprint %q; want %q, %q", tt.event, p.GroupKey, a.Fingerprint, first.GroupKey, first.Alerts[0].Fingerprint)
			}
			if over := tt.want[k] == "resolved"; a.Status != tt.want[k] || a.EndsAt.IsZero() == over {
				t.Errorf("%s: %s until %v", tt.event, a.Status, a.EndsAt)
			}
		}
	}

	group := messagetest.Group(incident.Updated, 3)
	group.Members[1].Resolved = messagetest.Now
	p := deliver(group, "firing")[0]
	if p.GroupKey == first.GroupKey || len(p.Alerts) != 3 || p.Alerts[0].Fingerprint == p.Alerts[1].Fingerprint {
		t.Errorf("a group of three: %+v", p)
	}
	over := 0
	for _, a := range p.Alerts {
		if a.Status == "resolved" && a.EndsAt.Equal(messagetest.Now) {
			over++
		}
	}
	if over != 1 {
		t.Errorf("%d members are resolved, want the one that is", over)
	}
}

// The other side is convinced by a bearer token, by Basic, or by a secret address alone;
// a credential that it refuses is read again once.
func TestAlertmanagerIsAuthorized(t *testing.T) {
	var got []string
	refuse := false
	c := catch(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		if refuse {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	m := message.Render(messagetest.Notice(incident.Opened, cause.AuthInvalid), messagetest.Context())
	for name, tt := range map[string]struct {
		change func(*webhook.Options)
		want   string
	}{
		"a token": {func(*webhook.Options) {}, "Bearer the-token"},
		"a user": {func(o *webhook.Options) {
			o.Token, o.Username, o.Password = nil, message.Fixed(secrets.New("ann")), message.Fixed(secrets.New("pw"))
		}, "Basic YW5uOnB3"},
		"a secret address": {func(o *webhook.Options) { o.Token = nil }, ""},
	} {
		got = nil
		if _, _, err := alertmanager(t, c.URL, tt.change).Deliver(t.Context(), m, message.Ref{}); err != nil || len(got) != 1 || got[0] != tt.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, tt.want)
		}
	}
	got, refuse = nil, true
	_, outcome, err := alertmanager(t, c.URL, func(*webhook.Options) {}).Deliver(t.Context(), m, message.Ref{ID: "before"})
	if outcome.Result != message.Refused || !message.BadCredential(err) || len(got) != 1 {
		t.Errorf("a refused token: %v, %v, %d posts", outcome, err, len(got))
	}
}

func TestAlertmanagerOptions(t *testing.T) {
	url, key := message.Fixed(secrets.New("https://x.example.com")), message.Fixed(secrets.New("k"))
	for name, o := range map[string]webhook.Options{
		"keys":               {Name: "x", URL: url, Alertmanager: true, Keys: []message.Credential{key}},
		"token and user":     {Name: "x", URL: url, Alertmanager: true, Token: key, Username: key, Password: key},
		"user, no password":  {Name: "x", URL: url, Alertmanager: true, Username: key},
		"password, no user":  {Name: "x", URL: url, Alertmanager: true, Password: key},
		"no address":         {Name: "x", Alertmanager: true},
		"own format, no key": {Name: "x", URL: url},
	} {
		if _, err := webhook.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
