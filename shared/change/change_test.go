package change_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/change"
	"github.com/pongwatch/pongwatch/shared/report"
)

var failed = time.Date(2026, 11, 22, 18, 21, 0, 0, time.UTC)

func TestFirst(t *testing.T) {
	at := func(minutes float64, kind report.ChangeKind, databases ...string) report.Change {
		before := time.Duration(minutes * float64(time.Minute))
		return report.Change{At: failed.Add(-before), Kind: kind, Databases: databases, What: string(kind) + " " + before.String()}
	}
	tests := []struct {
		name    string
		class   cause.Class
		changes []report.Change
		want    string
	}{
		{"nothing was changed", cause.ClassAuth, nil, ""},
		{"auth: a secret before an older deployment", cause.ClassAuth, []report.Change{at(9, report.Deployed), at(3, report.Secret)}, "secret 3m0s"},
		{"auth: a secret before a newer deployment", cause.ClassAuth, []report.Change{at(30, report.Secret), at(1, report.Deployed)}, "secret 30m0s"},
		{"auth: the later of a secret and a reset", cause.ClassAuth, []report.Change{at(3, report.Secret), at(2, report.Password)}, "password 2m0s"},
		{"quota: a deployment before a newer change of plan", cause.ClassQuota, []report.Change{at(10, report.Deployed), at(1, report.Planned)}, "deployment 10m0s"},
		{"quota: a change of plan long after a deployment", cause.ClassQuota, []report.Change{at(50, report.Deployed), at(1, report.Planned)}, "plan 1m0s"},
		{"quota: no secret uses it up", cause.ClassQuota, []report.Change{at(1, report.Secret)}, ""},
		{"slow: the plan before a newer deployment", cause.ClassPerformance, []report.Change{at(10, report.Planned), at(1, report.Deployed)}, "plan 10m0s"},
		{"a class that nothing explains", cause.ClassMonitor, []report.Change{at(1, report.Settings)}, ""},
		{"a kind of a newer version", cause.ClassAuth, []report.Change{at(1, "moon_phase")}, ""},
		{"of another database", cause.ClassAuth, []report.Change{at(1, report.Secret, "b")}, ""},
		{"of this one among others", cause.ClassAuth, []report.Change{at(1, report.Secret, "b", "a")}, "secret 1m0s"},
		{"an hour before", cause.ClassAuth, []report.Change{at(60, report.Secret)}, "secret 1h0m0s"},
		{"longer before", cause.ClassAuth, []report.Change{at(60.1, report.Secret)}, ""},
		{"after the failure, within a minute, because clocks differ", cause.ClassAuth, []report.Change{at(-1, report.Secret)}, "secret -1m0s"},
		{"later than that", cause.ClassAuth, []report.Change{at(-1.1, report.Secret)}, ""},
		{"at the same time, by name", cause.ClassAuth, []report.Change{at(3, report.Secret), at(3, report.Password)}, "password 3m0s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if c := change.First(tt.changes, "a", tt.class, failed); c != nil {
				got = c.What
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// The order in which changes are known does not matter, and a change that is suspected first
// stays so beside fewer others.
func TestFirstDoesNotDependOnOrder(t *testing.T) {
	kinds := []report.ChangeKind{report.Deployed, report.Secret, report.Password, report.Planned, report.Account, report.Settings}
	classes := []cause.Class{cause.ClassAuth, cause.ClassQuota, cause.ClassPerformance, cause.ClassNetwork, cause.ClassMock}
	rapid.Check(t, func(rt *rapid.T) {
		all := rapid.SliceOf(rapid.Custom(func(rt *rapid.T) report.Change {
			return report.Change{
				At:   failed.Add(-time.Duration(rapid.IntRange(-5, 70).Draw(rt, "minutes")) * time.Minute),
				Kind: rapid.SampledFrom(kinds).Draw(rt, "kind"), What: rapid.StringMatching(`[a-z]{8}`).Draw(rt, "what"),
			}
		})).Draw(rt, "changes")
		class := rapid.SampledFrom(classes).Draw(rt, "class")
		first := change.First(all, "a", class, failed)
		other := change.First(rapid.Permutation(all).Draw(rt, "order"), "a", class, failed)
		if (first == nil) != (other == nil) || first != nil && first.What != other.What {
			rt.Fatalf("%v or %v, by order", first, other)
		}
		if first != nil {
			if alone := change.First([]report.Change{*first}, "a", class, failed); alone == nil || alone.What != first.What {
				rt.Fatalf("%v alone gives %v", first, alone)
			}
		}
	})
}

func TestLimits(t *testing.T) {
	reading := func(minute int, policy string, values map[report.Gauge]float64) report.Reading {
		return report.Reading{At: failed.Add(time.Duration(minute) * time.Minute), Policy: policy, Values: values}
	}
	memory := func(minute int, mb float64) report.Reading {
		return reading(minute, "", map[report.Gauge]float64{report.GaugeDataLimit: mb * (1 << 20)})
	}
	tests := []struct {
		name     string
		readings []report.Reading
		want     []string
	}{
		{"none", nil, nil},
		{"one reading", []report.Reading{memory(0, 256)}, nil},
		{"as before", []report.Reading{memory(0, 256), memory(5, 256)}, nil},
		{"more memory", []report.Reading{memory(0, 256), memory(5, 1024)}, []string{"the memory limit went from 256 MB to 1,024 MB between 18:21 and 18:26 UTC"}},
		{"a reading without it between", []report.Reading{memory(0, 256), reading(5, "", nil), memory(10, 1024)}, []string{"the memory limit went from 256 MB to 1,024 MB between 18:21 and 18:31 UTC"}},
		{"zero is not known", []report.Reading{memory(0, 256), memory(5, 0), memory(10, 256)}, nil},
		{"there and back", []report.Reading{memory(0, 256), memory(5, 512), memory(10, 256)}, []string{"the memory limit went from 256 MB to 512 MB between 18:21 and 18:26 UTC", "the memory limit went from 512 MB to 256 MB between 18:26 and 18:31 UTC"}},
		{"the month's commands", []report.Reading{reading(0, "", map[report.Gauge]float64{report.GaugeCommandsLimit: 500000}), reading(5, "", map[report.Gauge]float64{report.GaugeCommandsLimit: 1e7})}, []string{"the month's commands went from 500,000 to 10,000,000 between 18:21 and 18:26 UTC"}},
		{"the budget", []report.Reading{reading(0, "", map[report.Gauge]float64{report.GaugeBudget: 20}), reading(5, "", map[report.Gauge]float64{report.GaugeBudget: 5})}, []string{"the budget went from $20 to $5 between 18:21 and 18:26 UTC"}},
		{"connections", []report.Reading{reading(0, "", map[report.Gauge]float64{report.GaugeConnectionsLimit: 10000}), reading(5, "", map[report.Gauge]float64{report.GaugeConnectionsLimit: 1000})}, []string{"the most connections went from 10,000 to 1,000 between 18:21 and 18:26 UTC"}},
		{"eviction", []report.Reading{reading(0, "noeviction", nil), reading(5, "", nil), reading(10, "optimistic-volatile", nil)}, []string{"eviction went from noeviction to optimistic-volatile between 18:21 and 18:31 UTC"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range change.Limits("a", tt.readings) {
				if c.Kind != report.Planned || len(c.Databases) != 1 || c.Databases[0] != "a" || c.At.Before(failed) {
					t.Errorf("%+v", c)
				}
				got = append(got, c.What)
			}
			if len(got) != len(tt.want) {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
			for i := range got {
				if got[i] != tt.want[i] {
					t.Errorf("got %q, want %q", got[i], tt.want[i])
				}
			}
		})
	}
}
