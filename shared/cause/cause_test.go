package cause

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestTextsAreFitForThreeInTheMorning(t *testing.T) {
	name := regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)
	unsafe := regexp.MustCompile(`(?i)\b(delete|destroy|remove|flush|drop|purge|reset|revoke|rotate)\b`)
	seen := map[string]Cause{}
	for _, c := range All() {
		i := c.Info()
		t.Run(string(c), func(t *testing.T) {
			if !name.MatchString(string(c)) {
				t.Errorf("name %q does not match %s", c, name)
			}
			if i.Title == "" || len(i.Title) > 60 || strings.HasSuffix(i.Title, ".") {
				t.Errorf("title %q: want 1 to 60 characters without a full stop", i.Title)
			}
			if n := len(i.Explanation); n < 30 || n > 300 || !strings.HasSuffix(i.Explanation, ".") {
				t.Errorf("explanation of %d characters %q: want 30 to 300 ending in a full stop", n, i.Explanation)
			}
			if i.Signature == "" || strings.HasSuffix(i.Signature, ".") {
				t.Errorf("signature %q: want a phrase without a full stop", i.Signature)
			}
			if n := len(i.Steps(true)); n < 2 || n > 4 || len(i.Fix) == 0 {
				t.Errorf("%d steps of fix, want 2 to 4", n)
			}
			for _, worked := range []bool{true, false} {
				if first := i.Steps(worked)[0]; unsafe.MatchString(first) {
					t.Errorf("first step %q (worked before: %v) loses data or access", first, worked)
				}
			}
			for _, step := range i.Steps(true) {
				if len(step) > 160 || !endsWell(step) || step[0] < 'A' || step[0] > 'Z' {
					t.Errorf("step %q: want one sentence of at most 160 characters that ends in a full stop, or a command after a colon", step)
				}
			}
			if i.Severity.Rank() == 0 || i.Class == "" || i.Retry == "" {
				t.Errorf("severity %q, class %q, retry %q: want all set", i.Severity, i.Class, i.Retry)
			}
			key := i.Title + "\n" + strings.Join(i.Fix, "\n")
			if other, dup := seen[key]; dup {
				t.Errorf("same title and fix as %s", other)
			}
			seen[key] = c
		})
	}
}

// endsWell accepts a full sentence, or one that ends with a command to copy: a
// full stop after a command would be copied with it.
func endsWell(step string) bool {
	_, command, ok := strings.Cut(step, ": ")
	return strings.HasSuffix(step, ".") || ok && (strings.HasPrefix(command, "pongwatch ") || strings.HasPrefix(command, "printf "))
}

func TestTitlesAndFixesAreUnique(t *testing.T) {
	titles, fixes := map[string]Cause{}, map[string]Cause{}
	for _, c := range All() {
		i := c.Info()
		if other, dup := titles[i.Title]; dup {
			t.Errorf("%s and %s share the title %q", c, other, i.Title)
		}
		titles[i.Title] = c
		fix := strings.Join(i.Fix, "\n")
		if other, dup := fixes[fix]; dup {
			t.Errorf("%s and %s share their fix", c, other)
		}
		fixes[fix] = c
	}
}

func TestTheSetIsClosed(t *testing.T) {
	all := All()
	for i, c := range all {
		if slices.Index(all, c) != i {
			t.Errorf("%s is in the table twice", c)
		}
		if got, ok := Parse(string(c)); got != c || !ok {
			t.Errorf("Parse(%q) = %q, %v", c, got, ok)
		}
	}
	if _, ok := Parse("no_such_cause"); ok {
		t.Error(`Parse("no_such_cause") is known`)
	}
}

func TestAnUnknownCauseStillRenders(t *testing.T) {
	tests := []struct {
		name  string
		cause Cause
		title string
	}{
		{"one that a newer version publishes", "quota_hourly", "An unclassified failure (quota_hourly)"},
		{"none at all", "", "An unclassified failure"},
		{"one that tries to smuggle markup", "<!channel>*x*", "An unclassified failure (channelx)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i := tt.cause.Info()
			if i.Title != tt.title || i.Cause != tt.cause || len(i.Fix) == 0 || i.Severity == "" || i.Class == "" {
				t.Errorf("Info() = %+v, want the title %q", i, tt.title)
			}
			if got := tt.cause.Playbook(); got != "/playbooks/unknown" {
				t.Errorf("Playbook() = %q", got)
			}
		})
	}
}

func TestWhatACauseIs(t *testing.T) {
	for _, c := range All() {
		i := c.Info()
		if i.Cause != c || c.Class() != i.Class || c.Severity() != i.Severity || c.Playbook() != "/playbooks/"+string(c) || i.Pages() != (i.Severity == SeverityCritical) {
			t.Errorf("%s: %+v, class %s, severity %s, playbook %s", c, i, c.Class(), c.Severity(), c.Playbook())
		}
	}
	long := Cause(strings.Repeat("a", 41))
	if got := long.Info().Title; got != "An unclassified failure ("+strings.Repeat("a", 40)+")" {
		t.Errorf("title %q", got)
	}
	if got := Cause("aAz0/9:_`{").Info().Title; got != "An unclassified failure (az09_)" {
		t.Errorf("title %q", got)
	}
}

// Where it has worked before, the settings are the last suspects; where it never has, the first.
func TestStepsFollowTheHistory(t *testing.T) {
	i := Info{Fix: []string{"a", "b"}, Setup: []string{"c"}}
	if got := strings.Join(i.Steps(true), ""); got != "abc" {
		t.Errorf("worked before: %s", got)
	}
	if got := strings.Join(i.Steps(false), ""); got != "cab" {
		t.Errorf("never worked: %s", got)
	}
}

// TestAStopOfTheDatabasePagesAtOnce: the alert's policy opens incidents of the class quota
// after one run, and a run that tried again would only add to what is used up.
func TestAStopOfTheDatabasePagesAtOnce(t *testing.T) {
	n := 0
	for _, c := range All() {
		if i := c.Info(); i.Class == ClassQuota {
			n++
			if i.Severity != SeverityCritical || i.Retry != RetryNever {
				t.Errorf("%s: severity %s, retry %s", c, i.Severity, i.Retry)
			}
		}
	}
	if n != 5 {
		t.Errorf("%d causes of the class quota, want 5", n)
	}
}

func TestInfoIsTheCallersOwn(t *testing.T) {
	AuthInvalid.Info().Fix[0] = "changed"
	if AuthInvalid.Info().Fix[0] == "changed" {
		t.Error("changing a result changed the table")
	}
}

func TestSeverityOrder(t *testing.T) {
	order := []Severity{"", SeverityInfo, SeverityWarning, SeverityCritical}
	for i, a := range order {
		for j, b := range order {
			if got := a.Compare(b); (got > 0) != (i > j) || (got < 0) != (i < j) {
				t.Errorf("%q.Compare(%q) = %d", a, b, got)
			}
			if want := order[min(i, j)]; b != "" && a.Min(b) != want {
				t.Errorf("%q.Min(%q) = %q, want %q", a, b, a.Min(b), want)
			}
			if got := a.AtLeast(b); got != (i >= j) {
				t.Errorf("%q.AtLeast(%q) = %v", a, b, got)
			}
			if got := a.Max(b); got != order[max(i, j)] {
				t.Errorf("%q.Max(%q) = %q", a, b, got)
			}
		}
	}
	if got := SeverityCritical.Min(SeverityWarning); got != SeverityWarning {
		t.Errorf("critical capped at warning = %q", got)
	}
	if got := SeverityCritical.Min(""); got != SeverityCritical {
		t.Errorf("critical without a cap = %q", got)
	}
	if Severity("fatal").Rank() != 0 {
		t.Error("a severity that does not exist has a rank")
	}
}

// Steps are safe at three in the morning: none tells its reader to delete, flush or drop, unless it
// says what may go.
func TestStepsAreSafe(t *testing.T) {
	for _, c := range All() {
		i := c.Info()
		for n, step := range slices.Concat(i.Steps(true), i.Steps(false)) {
			first, _, _ := strings.Cut(strings.ToLower(step), " ")
			if slices.Contains([]string{"delete", "flush", "drop", "remove", "purge", "wipe", "free"}, first) && !strings.Contains(step, "settings") && !strings.Contains(step, "quotes") {
				t.Errorf("%s, step %d: %q", c, n+1, step)
			}
			if strings.Contains(step, " below") || strings.Contains(step, " above.") {
				t.Errorf("%s, step %d: %q: what lies where depends on the receiver", c, n+1, step)
			}
		}
	}
}
