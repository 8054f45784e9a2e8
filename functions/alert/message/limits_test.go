package message

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

func TestQuantities(t *testing.T) {
	for _, tt := range []struct {
		value float64
		unit  report.Unit
		want  string
	}{
		{812.4, report.Milliseconds, "812 ms"},
		{1234.5, report.Milliseconds, "1,235 ms"},
		{0.904, report.Ratio, "90.4 %"},
		{0.9, report.Ratio, "90 %"},
		{0.9996, report.Ratio, "99.96 %"},
		{0.99999, report.Ratio, "99.99 %"},
		{1, report.Ratio, "100 %"},
		{1023, report.Bytes, "1023 B"},
		{1024, report.Bytes, "1 KB"},
		{1 << 20, report.Bytes, "1 MB"},
		{1.5 * (1 << 30), report.Bytes, "1.5 GB"},
		{1 << 50, report.Bytes, "1024 TB"},
		{1.5, report.Hours, "1 h 30 min"},
		{999, report.Count, "999"},
		{1000, report.Count, "1,000"},
		{1e6, report.Count, "1,000,000"},
		{-1000, report.Count, "-1,000"},
		{-0.4, report.Count, "0"},
		{-0.5, report.Count, "-1"},
		{1e15, report.Count, "1e+15"},
		{999999999999999, report.Count, "999,999,999,999,999"},
		{0.12345, "", "0.1235"},
	} {
		if got := quantity(tt.value, tt.unit); got != tt.want {
			t.Errorf("%v %s = %q, want %q", tt.value, tt.unit, got, tt.want)
		}
	}
}

// Times show seconds where minutes would look the same, and a date unless it is today's.
func TestTimesForPeople(t *testing.T) {
	at := func(text string) time.Time {
		v, err := time.Parse("2006-01-02 15:04:05", text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	now := at("2026-11-22 18:22:01")
	for _, tt := range []struct{ got, want string }{
		{text.Clock(at("2026-11-22 00:00:00"), now), "00:00 UTC"},
		{text.Clock(at("2026-11-21 23:59:59"), now), "2026-11-21 23:59 UTC"},
		{text.Clock(at("2025-11-22 18:22:01"), now), "2025-11-22 18:22 UTC"},
		{between(now, now.Add(2*time.Minute-1), now), "18:22:01–18:24:00 UTC"},
		{between(now, now.Add(2*time.Minute), now), "18:22–18:24 UTC"},
		{between(at("2026-11-21 23:50:00"), now, now), "2026-11-21 23:50–18:22 UTC"},
		{span(now, now.Add(time.Hour), now, "1 h"), "18:22–19:22 UTC (1 h)"},
		{list(nil, 2), ""},
		{list([]string{"a"}, 2), "a"},
		{list([]string{"a", "b"}, 2), "a and b"},
		{list([]string{"a", "b", "c"}, 2), "a, b and 1 more"},
		{list([]string{"a", "b", "c"}, 3), "a, b and c"},
		{text.Count(0, "run", "runs"), "0 runs"},
		{text.Count(1, "run", "runs"), "1 run"},
		{text.Count(2, "run", "runs"), "2 runs"},
		{upperFirst(""), ""},
		{upperFirst("a b"), "A b"},
		{lowerFirst("The app"), "the app"},
		{lowerFirst("Redis is"), "Redis is"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

// A line breaks before it exceeds its width; a word is never broken.
func TestTextIsWrapped(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"aaaa bbbb", "aaaa bbbb"}, {"aaaa bbbbb", "aaaa\n..bbbbb"}, {"aaaaaaaaaaaa b", "aaaaaaaaaaaa\n..b"}, {"éééé éééé", "éééé éééé"}, {"", ""},
	} {
		if got := text.Wrap(tt.text, 9, ".."); got != tt.want {
			t.Errorf("text.Wrap(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

// A control is read back at its longest, and nothing longer, older or unprintable is.
func TestControlsKeepToTheirLimits(t *testing.T) {
	longest := "1|main|" + strings.Repeat("x", 255-len("1|main||0")) + "|0"
	for text, ok := range map[string]bool{
		longest: true, strings.Replace(longest, "x", "xx", 1): false, "1|main|i|-1": true, "1|main|i|-2": false, "1|main|i|00": false, "1|main|i|+1": false, "1|main||0": false,
		"2|main|i|0": false, "1|main|i|0|": false, "1|main|i": false, "1|ma in|i|0": false, "1|main|i\x7f|0": false, "1|main|~|0": true, "1|main|!|0": true, "1|main|é|0": false, "1||i|0": true,
	} {
		if c, err := ParseControl(text); (err == nil) != ok || ok && c.String() != text {
			t.Errorf("%q: %+v, %v; want ok = %v", text, c, err, ok)
		}
	}
	for reopened, want := range map[int]string{-1: "nil", 0: "0", 3: "3"} {
		got := "nil"
		if p := (Control{Reopened: reopened}).Life(); p != nil {
			got = fmt.Sprint(*p)
		}
		if got != want {
			t.Errorf("Life(%d) = %s, want %s", reopened, got, want)
		}
	}
}

// A link whose values are unknown is left out, or leads to the page without its query.
func TestLinksAreExpanded(t *testing.T) {
	values := map[string]string{"database": "a/b c", "shard": ""}
	for template, want := range map[string][]Link{
		"https://x/{database}":           {{"Dashboard", "https://x/a%2Fb%20c"}},
		"https://x/?database={database}": {{"Dashboard", "https://x/?database=a%2Fb%20c"}},
		"https://x/{shard}":              nil,
		"https://x/?shard={shard}":       {{"Dashboard", "https://x/"}},
		"https://x/{shard}?a=1":          nil,
		"":                               nil,
	} {
		if got := (Context{Dashboard: template}).links(values, false); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", template, got, want)
		}
	}
	c := Context{Status: "https://status"}
	if got := c.links(values, true); len(got) != 1 || got[0].Label != "Upstash status" || len(c.links(values, false)) != 0 {
		t.Errorf("the provider's status: %v", got)
	}
}
