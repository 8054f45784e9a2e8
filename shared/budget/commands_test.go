package budget_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/budget"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
)

// on returns the defaults with more keys of the database.
func on(keys string) string {
	return strings.Replace(defaults, "    url:", "    "+keys+"\n    url:", 1)
}

// lines prints each line as "name@region every runs least most upper".
func lines(d budget.Database) []string {
	var out []string
	for _, l := range d.Lines {
		out = append(out, fmt.Sprintf("%s@%s %v %d %d %d %d", l.Name(), l.Region, l.Every, l.Runs, l.Least, l.Most, l.Upper))
	}
	return out
}

func TestLinesFollowTheChecks(t *testing.T) {
	off := func(checks ...string) string {
		var b strings.Builder
		b.WriteString("\nchecks:\n")
		for _, c := range []string{"ping", "latency", "mock_mode", "hit_rate", "memory", "eviction", "connections", "write", "commands", "round_trip", "isolation", "values"} {
			fmt.Fprintf(&b, "  %s: {enabled: false}\n", c)
		}
		text := b.String()
		for _, c := range checks {
			name, keys, _ := strings.Cut(c, " ")
			text = strings.Replace(text, "  "+name+": {enabled: false}", "  "+name+": {"+keys+"}", 1)
		}
		return text
	}
	const info = "INFO@ 5m0s 8640 0 0 8640"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nothing but INFO, which history needs", defaults + off(), []string{info}},
		{"ping alone", defaults + off("ping every: 2m"), []string{"ping (PING)@us-east4 2m0s 21600 0 0 21600", info}},
		{"latency alone", defaults + off("latency every: 3m"), []string{"latency (PING)@us-east4 3m0s 14400 0 0 14400", info}},
		{"ping and latency at the shorter interval", defaults + off("ping every: 3m", "latency every: 2m"), []string{"ping, latency (PING)@us-east4 2m0s 21600 0 0 21600", info}},
		{"without a region", strings.Replace(defaults, "regions: [us-east4]", "", 1) + off("ping "), []string{"ping (PING)@ 1m0s 43200 0 0 43200", info}},
		{"what INFO serves", defaults + off("hit_rate ", "eviction ", "connections "), []string{"hit_rate, eviction, connections (INFO)@ 5m0s 8640 0 0 8640"}},
		{"the account's figures cost nothing", defaults + off("commands "), []string{info, "commands@ 15m0s 2880 0 0 0"}},
		{"a write", defaults + off("write every: 1h"), []string{info, "write@ 1h0m0s 720 2160 2160 2160"}},
	} {
		if diff := cmp.Diff(c.want, lines(budget.Commands(parse(t, c.text))[0])); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestEachProofHasALineOfItsOwn(t *testing.T) {
	text := strings.Replace(defaults, "app: {service: backend, health_url: https://app.example.com/health, proof: true}",
		"app: [{service: a, health_url: 'https://a.example.com/', proof: true, limiter: true}, {service: b, health_url: 'https://b.example.com/'}, {service: c, health_url: 'https://c.example.com/', proof: true, proof_every: 1h}]", 1)
	var got []string
	for _, l := range budget.Commands(parse(t, text))[0].Lines {
		if l.Checks[0].OfApp() {
			got = append(got, fmt.Sprint(l.Name(), " ", l.Every, " ", l.Least, " to ", l.Most))
		}
	}
	want := []string{"mock_mode (proof of a) 15m0s 5760 to 11520", "limiter (proof of a) 1h0m0s 4320 to 9360", "mock_mode (proof of c) 1h0m0s 1440 to 2880"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNames(t *testing.T) {
	for want, l := range map[string]budget.Line{
		"write": {Checks: []report.Check{report.Write}}, "INFO": {What: "INFO"}, "ping, latency (PING)": {Checks: []report.Check{report.Ping, report.Latency}, What: "PING"}, "": {},
	} {
		if got := l.Name(); got != want {
			t.Errorf("name %q, want %q", got, want)
		}
	}
}

func TestSharesAndDollars(t *testing.T) {
	for _, c := range []struct {
		name, keys string
		allowed    int64
		quota      int64
		dollars    float64
	}{
		{"the free plan", "plan: free", 35_000, 500_000, 0},
		{"a plan that bills each command", "plan: payg", 35_000, 0, 34_140 * 2 / 1e6},
		{"a plan with a fixed price", "plan: fixed-1gb", 35_000, 0, 0},
		{"a share of another quota", "limits: {commands: 1000}", 70, 1000, 0},
		{"a number of commands", "plan: payg\n    budget: {commands: 34140}", 34_140, 0, 34_140 * 2 / 1e6},
	} {
		d := budget.Commands(parse(t, on(c.keys)))[0]
		if d.Allowed != c.allowed || d.Quota != c.quota || d.Dollars != c.dollars || d.Name != "prod-cache" {
			t.Errorf("%s: %+v", c.name, d)
		}
		want := 0.0
		if c.quota > 0 {
			want = 17 / float64(c.quota)
		}
		if got := d.Share(17); got != want {
			t.Errorf("%s: 17 commands are %v of the quota, want %v", c.name, got, want)
		}
	}
}

func TestABudgetMayBeUsedUp(t *testing.T) {
	for commands, over := range map[int]bool{34_139: true, 34_140: false} {
		c := parse(t, on(fmt.Sprintf("plan: payg\n    budget: {commands: %d}", commands)))
		if got := budget.Commands(c)[0].Over(); got != over || (len(budget.Problems(c)) > 0) != over {
			t.Errorf("34,140 commands with a budget of %d: over is %v", commands, got)
		}
	}
}

func TestProblemsInFull(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{
			"a share of a quota", defaults + "checks: {write: {every: 5m}}",
			"databases[0].checks cost up to 51,420 commands a month, 10.3 % of the plan, above the budget of 7.0 % (35,000 commands); the most is write every 5m with 25,920: " +
				"ask it every 15m or less often, or raise budget.share to 0.103, or set budget.override; example: write.every: 15m",
		},
		{
			"without a quota", on("plan: payg") + "checks: {write: {every: 5m}}",
			"databases[0].checks cost up to 51,420 commands a month, above the budget of 35,000 commands; the most is write every 5m with 25,920: " +
				"ask it every 15m or less often, or raise budget.commands to 51420, or set budget.override; example: write.every: 15m",
		},
		{
			"a proof", strings.Replace(defaults, "proof: true", "proof: true, proof_every: 5m", 1),
			"databases[0].checks cost up to 57,180 commands a month, 11.4 % of the plan, above the budget of 7.0 % (35,000 commands); the most is mock_mode (proof of backend) every 5m with 34,560: " +
				"ask it every 15m or less often, or raise budget.share to 0.115, or set budget.override; example: app.proof_every: 15m",
		},
		{
			"a limiter", strings.Replace(defaults, "proof: true", "proof: true, limiter: true, limiter_every: 15m", 1),
			"databases[0].checks cost up to 71,580 commands a month, 14.3 % of the plan, above the budget of 7.0 % (35,000 commands); the most is limiter (proof of backend) every 15m with 37,440: " +
				"ask it every 10h55m or less often, or raise budget.share to 0.144, or set budget.override; example: app.limiter_every: 10h55m",
		},
		{
			"two large ones", defaults + "checks: {write: {every: 5m}, round_trip: {every: 5m}}",
			"databases[0].checks cost up to 162,300 commands a month, 32.5 % of the plan, above the budget of 7.0 % (35,000 commands); the most is round_trip every 5m with 120,960: " +
				"ask it far less often, and others too, or raise budget.share to 0.325, or set budget.override; example: round_trip.every: 50m",
		},
		{
			"a tiny budget whose advice ends at a day", on("plan: payg\n    budget: {commands: 1}") + "checks: {round_trip: {every: 3h}, write: {enabled: false}, isolation: {enabled: false}, values: {every: 4h}}",
			"databases[0].checks cost up to 20,280 commands a month, above the budget of 1 commands; the most is mock_mode (proof of backend) every 15m with 11,520: " +
				"ask it far less often, and others too, or raise budget.commands to 20280, or set budget.override; example: app.proof_every: 2h30m",
		},
	} {
		ps := budget.Problems(parse(t, c.text))
		if len(ps) != 1 || ps[0].Evidence() != c.want || ps[0].Database != "prod-cache" || ps[0].Cause != cause.MonitorBudget || ps[0].Fatal || ps[0].Notice {
			t.Errorf("%s: %v, want\n%s", c.name, ps, c.want)
		}
	}
}

func TestTheAdviceIsTheShortestIntervalThatFits(t *testing.T) {
	const alone = `
databases: [{name: a, plan: payg, url: "https://a.upstash.io", token: "sm://projects/p/secrets/a"}]
checks: {write: {enabled: false}, isolation: {enabled: false}, values: {enabled: false}, mock_mode: {enabled: false}, commands: {enabled: false}, round_trip: {every: 1h}}
`
	write := func(commands int) string {
		return on(fmt.Sprintf("plan: payg\n    budget: {commands: %d}", commands)) + "checks: {write: {every: 5m}}"
	}
	trips := func(commands int) string { return alone + fmt.Sprintf("budget: {commands: %d}\n", commands) }
	for _, c := range []struct{ name, text, example, says string }{
		{"an interval that uses the budget up", write(25_500 + 720*3), "write.every: 1h", "ask it every 1h or less often"},
		{"one command less", write(25_500 + 720*3 - 1), "write.every: 1h5m", "ask it every 1h5m or less often"},
		{"nothing left for it", write(25_500), "write.every: 50m", "ask it far less often, and others too"},
		{"the longest interval of all", trips(60), "round_trip.every: 168h", "ask it every 168h or less often"},
		{"a longer one than there is", trips(59), "round_trip.every: 10h", "ask it far less often, and others too"},
		{"ten times its interval, at most a day", strings.Replace(trips(1), "every: 1h", "every: 3h", 1), "round_trip.every: 24h", "ask it far less often, and others too"},
	} {
		ps := budget.Problems(parse(t, c.text))
		if len(ps) != 1 || ps[0].Example != c.example || !strings.Contains(ps[0].What, c.says) {
			t.Errorf("%s: %v, want the example %s", c.name, ps, c.example)
		}
	}
}

func TestEnforceAddsTheProblemToItsDatabaseAlone(t *testing.T) {
	c := parse(t, strings.Replace(defaults, "databases:", "databases:\n  - {name: small, url: 'https://b.upstash.io', token: sm://projects/p/secrets/b}", 1)+"budget: {share: 0.07}\n")
	c.Databases[1].Checks.Write.Every = c.Schedule.Metrics
	c.Problems = config.Problems{{Key: "x"}}
	budget.Enforce(c)
	if len(c.Problems) != 2 || c.Problems[1].Key != "databases[1].checks" || len(c.Databases[0].Problems) != 0 || len(c.Databases[1].Problems) != 1 || c.Databases[1].Problems[0] != c.Problems[1] {
		t.Errorf("problems %v, of small %v, of prod-cache %v", c.Problems, c.Databases[0].Problems, c.Databases[1].Problems)
	}
}
