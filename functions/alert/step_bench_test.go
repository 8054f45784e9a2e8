package alert

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/notify"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// benchPolicy is of one shard with that many databases and a route to Slack and mail.
func benchPolicy(databases int) policy.Policy {
	p := policy.Default()
	p.Databases = map[string]policy.Database{}
	for i := range databases {
		p.Databases[fmt.Sprintf("database-%03d", i)] = policy.Database{Environment: "production", Home: "us-east4"}
	}
	p.Receivers = map[string]policy.Receiver{"slack-oncall": {Pages: true}, "email-oncall/alice@example.com": {Pages: true}}
	return p
}

// benchReport has 12 checks for every database, of which fails says which are bad.
func benchReport(databases int, at time.Time, fails func(database, check int) bool) report.Report {
	r := report.Report{Job: report.HealthCheck, Region: "us-east4", Shard: "main", Scheduled: at, Finished: at, Every: time.Minute}
	causes := map[report.Check]cause.Cause{
		report.Ping: cause.TimeoutResponse, report.Latency: cause.Slow, report.Write: cause.StorageFull, report.MockMode: cause.Mock,
		report.HitRate: cause.HitRateLow, report.Memory: cause.MemoryHigh, report.Commands: cause.CommandsHigh, report.Eviction: cause.EvictionRisk,
		report.Isolation: cause.IsolationViolation, report.Values: cause.ValueNotJSON, report.RoundTrip: cause.RoundTripFailed, report.ConfigLoad: cause.ConfigInvalid,
	}
	for d := range databases {
		for i, check := range report.Checks()[:12] {
			o := report.Observation{
				Database: fmt.Sprintf("database-%03d", d), Check: check, Source: "us-east4", Status: report.OK, Clear: true,
				Value: new(float64(100 + d)), Threshold: new(600.0), Unit: report.Milliseconds, At: at.Add(time.Duration(d) * time.Millisecond), Every: time.Minute,
			}
			if fails(d, i) {
				o.Status, o.Clear, o.Cause, o.Attempts = report.Fail, false, causes[check], 3
				o.Evidence = fmt.Sprintf("no answer within 4 s from database-%03d.upstash.io: context deadline exceeded (attempt 3 of 3)", d)
				o.Phases = &report.Phases{DNS: 1.25, Connect: 10.5, TLS: 22.75, Total: 4000, Reached: "wait"}
			}
			r.Observations = append(r.Observations, o)
		}
	}
	return r
}

// BenchmarkStep decodes a state, steps it on a report of 250 databases × 12 checks
// and encodes it. The budget is 250 KB of state with every database failing every check.
// Since a busy machine slows whatever it runs, each iteration is followed by one of a
// floor: the same report through encoding/json and back, about as many bytes as a state
// would have that keeps what it hears. Each begins without the garbage of the one before,
// as a function does that is asked a few times a minute. The medians are printed, of the
// whole and of its parts, and the ratio.
func BenchmarkStep(b *testing.B) {
	const databases = 250
	for _, c := range []struct {
		name  string
		fails func(database, check int) bool
	}{
		{"half the databases fail every check", func(d, _ int) bool { return d%2 == 0 }},
		{"every database fails half its checks", func(_, i int) bool { return i%2 == 0 }},
		{"every database fails half its checks but not ping", func(_, i int) bool { return i%2 == 1 }},
		{"every database fails every check", func(_, _ int) bool { return true }},
		{"all is well", func(_, _ int) bool { return false }},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := benchPolicy(databases)
			s, now := incident.New("main", noon), noon
			for range 4 { // until what opens is open and told
				r := benchReport(databases, now, c.fails)
				s = settle(s, p, now, Input{Report: &r})
				now = now.Add(time.Minute)
			}
			data, err := incident.Encode(s)
			if err != nil {
				b.Fatal(err)
			}
			r := benchReport(databases, now, c.fails)
			plain, err := json.Marshal(r)
			if err != nil {
				b.Fatal(err)
			}
			var decodes, steps, encodes, wholes, floors []time.Duration
			for b.Loop() {
				runtime.GC()
				began := time.Now()
				s, err := incident.Decode(data)
				if err != nil {
					b.Fatal(err)
				}
				decoded := time.Now()
				next, _ := Step(s, Input{Report: &r}, p, now)
				stepped := time.Now()
				if _, err := incident.Encode(next); err != nil {
					b.Fatal(err)
				}
				ended := time.Now()
				decodes, steps = append(decodes, decoded.Sub(began)), append(steps, stepped.Sub(decoded))
				encodes, wholes = append(encodes, ended.Sub(stepped)), append(wholes, ended.Sub(began))

				runtime.GC()
				began = time.Now()
				var floor report.Report
				if err := json.Unmarshal(plain, &floor); err != nil {
					b.Fatal(err)
				}
				if _, err := json.Marshal(floor); err != nil {
					b.Fatal(err)
				}
				floors = append(floors, time.Since(began))
			}
			whole, floor := median(wholes), median(floors)
			b.ReportMetric(0, "ns/op") // it would be of both
			b.ReportMetric(median(decodes), "ms-decode")
			b.ReportMetric(median(steps), "ms-step")
			b.ReportMetric(median(encodes), "ms-encode")
			b.ReportMetric(whole, "ms")
			b.ReportMetric(floor, "ms-floor")
			b.ReportMetric(whole/floor, "x-floor")
			b.ReportMetric(float64(len(data))/1000, "KB-state")
			b.ReportMetric(float64(len(s.Incidents)), "incidents")
		})
	}
}

// settle steps and delivers everything.
func settle(s incident.State, p policy.Policy, now time.Time, in Input) incident.State {
	s, _ = Step(s, in, p, now)
	for {
		next, notices := notify.Claim(s, now, "w", 90*time.Second, 10000)
		if len(notices) == 0 {
			return s
		}
		var results []notify.Result
		for _, n := range notices {
			results = append(results, notify.Result{ID: n.ID(), Address: n.Address, Owner: "w", Want: n.Want, Open: n.Open, Outcome: message.Outcome{Result: message.Delivered}, Ref: incident.Ref{Channel: "C0123456789", ID: "1795371721.000100"}})
		}
		s = notify.Record(next, results, p, now)
	}
}
