package alert

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/notify"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/change"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/gcp/cloudrun/cloudruntest"
	"github.com/pongwatch/pongwatch/shared/gcp/secretmanager/secretmanagertest"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

const changing = `
changes: [deployments, secrets, audit_log, limits, configuration]
management: {email: ops@example.com, api_key: key}
databases:
  - {name: prod-cache, url: "https://c.upstash.io", token: "sm://projects/p/secrets/cache-token", database_id: id-cache, app: {service: backend, cloud_run: projects/p/locations/l/services/backend}}
  - {name: prod-queue, url: "https://q.upstash.io", token: "sm://projects/p/secrets/queue-token", database_id: id-queue, app: {service: worker, cloud_run: projects/p/locations/l/services/worker}}
  - {name: eu-cache, shard: eu, url: "https://e.upstash.io", token: "sm://projects/p/secrets/eu-token", database_id: id-eu, app: {service: eu-backend, cloud_run: projects/p/locations/l/services/eu-backend}}
`

// script is one incident of testdata/incidents.txt.
type script struct {
	name, database string
	cause          cause.Cause
	fails          time.Time
	events         []scripted
	want           string
}

type scripted struct {
	at   time.Time
	what []string
}

func scripts(t *testing.T) []script {
	t.Helper()
	data, err := os.ReadFile("testdata/incidents.txt")
	if err != nil {
		t.Fatal(err)
	}
	clock := func(s string) time.Time {
		at, err := time.Parse("2006-01-02 15:04:05", "2026-11-22 "+(s + ":00")[:8])
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	var all []script
	for _, part := range strings.Split(string(data), "\n-- ")[1:] {
		lines := strings.Split(strings.TrimSpace(part), "\n")
		s := script{name: lines[0]}
		for _, line := range lines[1:] {
			word := strings.Fields(line)
			switch word[0] {
			case "fails":
				s.fails, s.database, s.cause = clock(word[1]), word[2], cause.Cause(word[3])
			case "=":
				s.want = strings.TrimSpace(line[1:])
			default:
				s.events = append(s.events, scripted{clock(word[0]), word[1:]})
			}
		}
		all = append(all, s)
	}
	return all
}

// estate has a fake of each source.
type estate struct {
	run     *cloudruntest.Server
	vault   *secretmanagertest.Server
	account *upstashtest.Server

	services map[string][]cloudruntest.Revision
	actions  []upstashtest.Action
	memory   map[string][]report.Reading
	settings string
}

func newEstate(t *testing.T, start time.Time) *estate {
	t.Helper()
	vault, err := secretmanagertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	w := &estate{run: cloudruntest.Start(), vault: vault, account: upstashtest.Start(t, upstashtest.Options{Email: "ops@example.com", APIKey: "key"}), services: map[string][]cloudruntest.Revision{}, memory: map[string][]report.Reading{}, settings: "a"}
	t.Cleanup(w.run.Close)
	t.Cleanup(w.vault.Close)
	for _, name := range []string{"cache-token", "queue-token", "eu-token"} {
		w.vault.AddVersion("projects/p/secrets/"+name, []byte("one"))
		w.vault.SetAdded("projects/p/secrets/"+name, start.Add(-30*24*time.Hour))
	}
	for _, name := range []string{"backend", "worker", "eu-backend"} {
		w.services[name] = []cloudruntest.Revision{{Name: name + "-00040", Created: start.Add(-9 * 24 * time.Hour)}, {Name: name + "-00041", Created: start.Add(-24 * time.Hour), Percent: 100}}
		w.deploy(name, start.Add(-24*time.Hour))
	}
	return w
}

func (w *estate) deploy(service string, at time.Time) {
	w.run.Deploy("projects/p/locations/l/services/"+service, slices.Clone(w.services[service])...)
	w.run.Update("projects/p/locations/l/services/"+service, at)
}

// happen makes one change.
func (w *estate) happen(t *testing.T, e scripted) {
	t.Helper()
	kind, rest := e.what[0], e.what[1:]
	switch kind {
	case "secret":
		w.vault.AddVersion("projects/p/secrets/"+rest[0], []byte("two"))
		w.vault.SetAdded("projects/p/secrets/"+rest[0], e.at)
	case "account":
		w.actions = append(w.actions, upstashtest.Action{At: e.at, Entity: strings.TrimSuffix(rest[0], ":"), Name: strings.Join(rest[1:], " ")})
		w.account.SetActions(w.actions...)
	case "configuration":
		w.settings = "b"
	case "memory":
		was, _ := strconv.ParseFloat(rest[1], 64)
		is, _ := strconv.ParseFloat(rest[2], 64)
		for at := e.at.Truncate(5 * time.Minute).Add(-time.Hour); at.Before(e.at.Add(time.Hour)); at = at.Add(5 * time.Minute) {
			v := was
			if !at.Before(e.at) {
				v = is
			}
			w.memory[rest[0]] = append(w.memory[rest[0]], report.Reading{At: at, Values: map[report.Gauge]float64{report.GaugeDataLimit: v * (1 << 20)}})
		}
	case "failed":
		w.services[rest[0]] = append(w.services[rest[0]], cloudruntest.Revision{Name: rest[1], Created: e.at, Failed: true})
		w.deploy(rest[0], e.at)
	case "deploy", "traffic":
		percent, _ := strconv.Atoi(rest[2])
		revisions := w.services[rest[0]]
		if kind == "deploy" {
			revisions = append(revisions, cloudruntest.Revision{Name: rest[1], Created: e.at})
		}
		for i := range revisions {
			switch {
			case revisions[i].Name == rest[1]:
				revisions[i].Percent = percent
			case revisions[i].Percent > 0:
				revisions[i].Percent = 100 - percent
			}
		}
		w.services[rest[0]] = revisions
		w.deploy(rest[0], e.at)
	default:
		t.Fatalf("nothing known happens by %q", kind)
	}
}

// play runs HealthCheck each minute and Metrics each fifth, with Alert behind them, and returns what the
// message says was changed: at its opening, and in the end.
func (w *estate) play(t *testing.T, c *config.Config, s script) (opening, end string) {
	t.Helper()
	clients := gcp.NewClients(gcp.Environment{CloudRunEmulator: w.run.Addr(), SecretManagerEmulator: w.vault.Addr()})
	account, err := upstash.NewManagement("ops@example.com", upstash.Options{
		URL: w.account.ManagementURL(), Token: secrets.New("key"), AllowHTTP: true, RootCAs: w.account.CA(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer account.CloseIdleConnections()
	sources := change.Sources{
		Rollout: clients.Rollout,
		Secret:  clients.NewestSecret, Actions: account.Actions,
	}
	p := policy.Of(c, "main")
	p.Receivers = map[string]policy.Receiver{"slack": {Pages: true}}
	now := s.fails.Add(-2 * time.Hour).Truncate(5 * time.Minute)
	state := incident.New("main", now)
	events := slices.Clone(s.events)
	step := func(in Input) {
		in.Configuration = w.settings
		var transitions []notify.Transition
		state, transitions = Step(state, in, p, now)
		for _, i := range state.Incidents {
			if i.Series.Database != s.database {
				continue
			}
			n := incident.Notice{Shard: "main", Incident: i, Want: 1, Events: []incident.Event{incident.Opened}, Now: now, Open: true}
			end = message.Render(n, message.Context{}).Changed
			if slices.ContainsFunc(transitions, func(tr notify.Transition) bool { return tr.ID == i.ID && tr.Event == incident.Opened }) {
				opening = end
			}
		}
	}
	for ; now.Before(s.fails.Add(10 * time.Minute)); now = now.Add(time.Minute) {
		for len(events) > 0 && !events[0].at.After(now) {
			w.happen(t, events[0])
			events = events[1:]
		}
		o := report.Observation{Database: s.database, Check: report.Ping, Source: "us", Status: report.OK, Clear: true, At: now, Every: time.Minute}
		if !now.Before(s.fails) {
			o.Status, o.Clear, o.Cause = report.Fail, false, s.cause
		}
		if now.Minute()%5 == 0 {
			found, err := sources.Read(t.Context(), c, "main", now)
			if err != nil {
				t.Fatal(err)
			}
			past := slices.DeleteFunc(slices.Clone(w.memory[s.database]), func(r report.Reading) bool {
				return r.At.After(now) || r.At.Before(now.Add(-change.Window))
			})
			found = append(found, change.Limits(s.database, past)...)
			step(Input{Report: &report.Report{Job: report.Metrics, Region: "us", Shard: "main", Scheduled: now, Every: 5 * time.Minute, Changes: found}})
		}
		step(Input{Report: &report.Report{Job: report.HealthCheck, Region: "us", Shard: "main", Scheduled: now, Every: time.Minute, Observations: []report.Observation{o}}})
	}
	return opening, end
}

// Of forty incidents with a known culprit at least thirty-six name it, and ten before which
// nothing was changed say nothing.
func TestTheCulpritIsNamedFirst(t *testing.T) {
	c := parse(t, changing)
	culprits, right, silent, early := 0, 0, 0, 0
	for _, s := range scripts(t) {
		opening, end := newEstate(t, s.fails).play(t, c, s)
		switch {
		case s.want == "":
			silent++
			if cmp.Or(opening, end) != "" {
				t.Errorf("%s: says %q, want nothing", s.name, cmp.Or(opening, end))
			}
		case end == s.want:
			right++
			culprits++
		default:
			culprits++
			t.Logf("%s: says %q, the culprit is %q", s.name, end, s.want)
		}
		if s.want != "" && opening == s.want {
			early++
		}
	}
	t.Logf("%d of %d culprits are named, %d of them already in the first message", right, culprits, early)
	if culprits != 40 || right < 36 || silent != 10 {
		t.Errorf("%d of %d culprits are named, and there are %d incidents without one; want 36 of 40, and 10", right, culprits, silent)
	}
}
