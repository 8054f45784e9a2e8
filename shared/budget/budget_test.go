package budget_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/shared/budget"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
)

// defaults is the default configuration of a free database whose app proves its mode.
const defaults = `
regions: [us-east4]
databases:
  - name: prod-cache
    url: https://merry-cat-32748.upstash.io
    token: sm://projects/p/secrets/prod-cache-token
    app: {service: backend, health_url: https://app.example.com/health, proof: true}
proof_key: sm://projects/p/secrets/proof-key
`

// parse reads a configuration without problems.
func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, problems := config.Parse(false, config.Document{Name: "test.yaml", Text: []byte(text)})
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	return c
}

func TestTheDefaultsKeepWithinSevenPercentOfTheFreePlan(t *testing.T) {
	d := budget.Commands(parse(t, defaults))[0]
	got := map[string][3]int64{}
	var sum [3]int64
	for _, l := range d.Lines {
		got[l.Name()] = [3]int64{l.Least, l.Most, l.Upper}
		for i, n := range got[l.Name()] {
			sum[i] += n
		}
	}
	want := map[string][3]int64{
		"ping, latency (PING)":                           {0, 0, 43_200},
		"memory, hit_rate, eviction, connections (INFO)": {0, 0, 8_640},
		"commands":                     {0, 0, 0},
		"write":                        {8_640, 8_640, 8_640},
		"mock_mode (proof of backend)": {5_760, 11_520, 11_520},
		"round_trip":                   {10_080, 10_080, 10_080},
		"isolation":                    {30, 3_000, 3_000},
		"values":                       {30, 900, 900},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("commands a month (-want +got):\n%s", diff)
	}
	if sum != [3]int64{d.Least, d.Most, d.Upper} || d.Most != 34_140 {
		t.Errorf("the lines add up to %v, the sums are %d, %d, %d", sum, d.Least, d.Most, d.Upper)
	}
	if share := d.Share(d.Most); share > 0.07 || d.Over() {
		t.Errorf("%.4f of the free plan, want at most 0.07", share)
	}
}

func TestEachRegionPings(t *testing.T) {
	d := budget.Commands(parse(t, strings.Replace(defaults, "[us-east4]", "[us-east4, europe-west1]", 1)))[0]
	var regions []string
	for _, l := range d.Lines {
		if l.Region != "" {
			regions = append(regions, fmt.Sprint(l.Region, " ", l.Upper))
		}
	}
	if diff := cmp.Diff([]string{"us-east4 43200", "europe-west1 43200"}, regions); diff != "" {
		t.Error(diff)
	}
}

func TestTheRunsOfAMonthAreThoseInWhichAChecksIsDue(t *testing.T) {
	c := parse(t, defaults)
	d := budget.Commands(c)[0]
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	every := c.Every(report.Metrics)
	due := map[report.Check]int64{}
	for at := start; at.Before(start.Add(budget.Month)); at = at.Add(every) {
		for _, s := range check.Specs(report.Metrics, &c.Databases[0], every) {
			if check.Due(s, "prod-cache", at, every) {
				due[s.Check]++
			}
		}
	}
	for _, l := range d.Lines {
		if l.Region == "" && due[l.Checks[0]] != l.Runs {
			t.Errorf("%s is due in %d runs, the budget says %d", l.Name(), due[l.Checks[0]], l.Runs)
		}
	}
}

func TestAConfigurationAboveItsBudgetIsRefusedWithWhatToChange(t *testing.T) {
	database := func(extra string) string {
		return defaults + extra
	}
	tests := []struct {
		name  string
		text  string
		says  []string
		fixed string // what the example of the problem becomes in the document
	}{
		{"the defaults are within", defaults, nil, ""},
		{
			"a write every five minutes", database("checks: {write: {every: 5m}}"),
			[]string{"51,420 commands a month, 10.3 % of the plan", "budget of 7.0 % (35,000 commands)", "write every 5m with 25,920", "ask it every 15m", "budget.share to 0.103"},
			"checks: {write: {every: 15m}}",
		},
		{
			"a sample every hour", database("checks: {isolation: {every: 1h}}"),
			[]string{"isolation every 1h with 72,000", "ask it every 18h40m"},
			"checks: {isolation: {every: 18h40m}}",
		},
		{"more is accepted when asked for", database("checks: {write: {every: 5m}}\nbudget: {override: true}"), nil, ""},
		{"or when the share is raised", database("checks: {write: {every: 5m}}\nbudget: {share: 0.103}"), nil, ""},
		{
			"a plan without a quota has a cap", strings.Replace(database("checks: {write: {every: 5m}}"), "    url:", "    plan: payg\n    url:", 1),
			[]string{"above the budget of 35,000 commands", "budget.commands to 51420"},
			"",
		},
		{"two large ones need more than one change", database("checks: {write: {every: 5m}, round_trip: {every: 5m}}"), []string{"far less often, and others too"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			problems := budget.Problems(parse(t, tt.text))
			if len(problems) != min(1, len(tt.says)) {
				t.Fatalf("problems: %v", problems)
			}
			for _, want := range tt.says {
				if !strings.Contains(problems[0].Error(), want) {
					t.Errorf("%q does not say %q", problems[0].Error(), want)
				}
			}
			if tt.fixed == "" {
				return
			}
			if p := problems[0]; p.Key != "databases[0].checks" || p.Database != "prod-cache" || p.Cause != cause.MonitorBudget || !strings.Contains(tt.fixed, strings.ReplaceAll(p.Example[strings.Index(p.Example, "every"):], ".", "")) {
				t.Errorf("problem %+v", p)
			}
			if left := budget.Problems(parse(t, defaults+tt.fixed)); len(left) > 0 {
				t.Errorf("the advice does not help: %v", left)
			}
		})
	}
}

func TestEnforceLeavesWhatCostsNothing(t *testing.T) {
	c := parse(t, defaults+"checks: {write: {every: 5m}}")
	budget.Enforce(c)
	if len(c.Problems) != 1 || len(c.Databases[0].Problems) != 1 {
		t.Fatalf("problems %v, of the database %v", c.Problems, c.Databases[0].Problems)
	}
}

func TestGoogleCloudCostsNothingAtTenDatabases(t *testing.T) {
	bundle := func(n int, regions string) *config.Config {
		text := "regions: " + regions + "\ncredentials: sm://projects/p/secrets/databases\ndatabases:\n"
		for i := range n {
			text += fmt.Sprintf("  - {name: cache-%d}\n", i)
		}
		return parse(t, text)
	}
	tests := []struct {
		name    string
		config  *config.Config
		dollars [2]float64 // from, to
	}{
		{"ten databases in one region are free", bundle(10, "[us-east4]"), [2]float64{0, 0}},
		{"the second region costs a Scheduler job", bundle(10, "[us-east4, europe-west1]"), [2]float64{0.10, 0.10}},
		{"a hundred cost little", bundle(100, "[us-east4]"), [2]float64{0.1, 1.5}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			costs := budget.Cloud(tt.config)
			sum, gross := budget.Dollars(costs)
			if sum < tt.dollars[0]-1e-9 || sum > tt.dollars[1]+1e-9 || gross < sum {
				t.Errorf("$%.2f to pay, $%.2f without free tiers, want $%.2f to $%.2f", sum, gross, tt.dollars[0], tt.dollars[1])
				for _, c := range costs {
					if c.Dollars > 0 {
						t.Logf("%+v", c)
					}
				}
			}
		})
	}
}

func TestTheAdviceAlwaysFits(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		minutes := func(label string) int { return 5 * rapid.IntRange(1, 300).Draw(r, label) }
		text := defaults + fmt.Sprintf("checks: {write: {every: %dm}, round_trip: {every: %dm}, isolation: {every: %dm}}", minutes("write"), minutes("round trip"), minutes("isolation"))
		problems := budget.Problems(parse(t, text))
		if len(problems) == 0 || strings.Contains(problems[0].What, "others too") {
			return
		}
		key, every, _ := strings.Cut(problems[0].Example, ".every: ")
		if key == "app.proof_every" || strings.Contains(problems[0].Example, "proof") {
			return
		}
		c := parse(t, text)
		d, err := time.ParseDuration(every)
		if err != nil {
			r.Fatal(problems[0].Example)
		}
		switch key {
		case "write":
			c.Databases[0].Checks.Write.Every = d
		case "round_trip":
			c.Databases[0].Checks.RoundTrip.Every = d
		case "isolation":
			c.Databases[0].Checks.Isolation.Every = d
		}
		if left := budget.Problems(c); len(left) > 0 {
			r.Fatalf("%s does not help: %v", problems[0].Example, left)
		}
	})
}
