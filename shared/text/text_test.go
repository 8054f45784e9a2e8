package text_test

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pongwatch/pongwatch/shared/text"
)

func TestLine(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain text stays", "ERR max requests limit exceeded", "ERR max requests limit exceeded"},
		{"lines and tabs become one space", " a\r\nb\t\tc\v\u2028d\u0085e\u00a0f ", "a b c d e f"},
		{"control characters go", "a\x00b\x1b[31mc\x7fd\u009be", "ab[31mcde"},
		{"marks that change the direction go", "a\u202eb\u2066c\u200ed\u200fe", "abcde"},
		{"invisible characters go", "a\ufeffb\u200bc\u00add\U000e0041e", "abcde"},
		{"joiners stay, because emoji need them", "👩\u200d🚒 می\u200cخواهم", "👩\u200d🚒 می\u200cخواهم"},
		{"invalid UTF-8 is replaced", "a\xffb", "a\uFFFDb"},
		{"an encoded word is no longer one", "=?utf-8?q?Redis_is_fine?= down", "= ?utf-8?q?Redis_is_fine?= down"},
		{"nor is one that hides behind an invisible character", "=\u200b?utf-8?b?UmVkaXM=?=", "= ?utf-8?b?UmVkaXM= ?="},
		{"nor one in another", "==??utf-8?q?a?=", "== ??utf-8?q?a?="},
		{"nothing stays nothing", "", ""},
	} {
		if got := text.Line(c.in); got != c.want {
			t.Errorf("%s: Line(%q) = %q, want %q", c.name, c.in, got, c.want)
		}
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		name  string
		clip  func(string, int) string
		in    string
		limit int
		want  string
	}{
		{"as long as the limit", text.Clip, "héllo", 5, "héllo"},
		{"one more", text.Clip, "héllos", 5, "héll…"},
		{"no space before the mark", text.Clip, "héllo wörld", 7, "héllo…"},
		{"one character", text.Clip, "héllo", 1, "…"},
		{"no room", text.Clip, "héllo", 0, ""},
		{"less than no room", text.Clip, "héllo", -1, ""},
		{"as many bytes as the limit", text.ClipBytes, "héllo", 6, "héllo"},
		{"one byte more", text.ClipBytes, "héllos", 6, "hé…"},
		{"not inside a character", text.ClipBytes, "héllos", 5, "h…"},
		{"room for the mark alone", text.ClipBytes, "héllo", 3, "…"},
		{"no room for the mark", text.ClipBytes, "héllo", 2, ""},
	} {
		if got := c.clip(c.in, c.limit); got != c.want {
			t.Errorf("%s: %q cut to %d is %q, want %q", c.name, c.in, c.limit, got, c.want)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("\xff\r\n\u2066 a\u202eb", 10)
	f.Add("héllo wörld", 7)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		line := text.Line(s)
		if text.Line(line) != line || !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n\t\u202e\u2066") || strings.Contains(line, "=?") {
			t.Errorf("Line(%q) = %q", s, line)
		}
		if got := text.Clip(line, limit); !utf8.ValidString(got) || utf8.RuneCountInString(got) > max(0, limit) {
			t.Errorf("%q cut to %d characters is %q", line, limit, got)
		}
		if got := text.ClipBytes(line, limit); !utf8.ValidString(got) || len(got) > max(0, limit) {
			t.Errorf("%q cut to %d bytes is %q", line, limit, got)
		}
	})
}

func TestWrap(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"words that fit stay on a line", "aa bb cc", "aa bb cc"},
		{"the width is reached", "aaa bbbb cc", "aaa bbbb\n  cc"},
		{"the width is exceeded by one", "aaa bbbbb", "aaa\n  bbbbb"},
		{"spaces between words count", "a b c d e", "a b c d\n  e"},
		{"characters count, not bytes", "äää ßßßß", "äää ßßßß"},
		{"the indent does not count", "aaaa bbbb cccc", "aaaa\n  bbbb\n  cccc"},
		{"a long word stays whole", "a https://example.com b", "a\n  https://example.com\n  b"},
		{"spaces and line breaks are one", " a \n b ", "a b"},
	} {
		if got := text.Wrap(c.in, 8, "  "); got != c.want {
			t.Errorf("%s: Wrap(%q) = %q, want %q", c.name, c.in, got, c.want)
		}
	}
}

func TestTimes(t *testing.T) {
	at := time.Date(2026, 11, 22, 23, 22, 1, 0, time.FixedZone("CET", 3600))
	if got := text.Stamp(at); got != "2026-11-22 22:22:01 UTC" {
		t.Errorf("Stamp = %q", got)
	}
	for _, c := range []struct {
		name string
		now  time.Time
		want string
	}{
		{"on the same day in UTC", at.Add(97 * time.Minute), "22:22 UTC"},
		{"on the next day in UTC", at.Add(98 * time.Minute), "2026-11-22 22:22 UTC"},
		{"on the same day of another year", at.AddDate(1, 0, 0), "2026-11-22 22:22 UTC"},
		{"at no time", time.Time{}, "2026-11-22 22:22 UTC"},
	} {
		if got := text.Clock(at, c.now); got != c.want {
			t.Errorf("%s: Clock = %q, want %q", c.name, got, c.want)
		}
	}
}

func TestDurations(t *testing.T) {
	for _, c := range []struct {
		d           time.Duration
		human, conf string
	}{
		{-time.Second, "0 s", "-1s"},
		{0, "0 s", "0s"},
		{48 * time.Second, "48 s", "48s"},
		{1500 * time.Millisecond, "2 s", "1.5s"},
		{time.Minute, "1 min", "1m"},
		{12*time.Minute + 4*time.Second, "12 min", "12m4s"},
		{10 * time.Minute, "10 min", "10m"},
		{time.Hour, "1 h", "1h"},
		{65 * time.Minute, "1 h 5 min", "1h5m"},
		{time.Hour + time.Second, "1 h", "1h0m1s"},
		{2 * time.Hour, "2 h", "2h"},
		{24*time.Hour - time.Minute, "23 h 59 min", "23h59m"},
		{24 * time.Hour, "1 d", "24h"},
		{76 * time.Hour, "3 d 4 h", "76h"},
	} {
		if got := text.Duration(c.d); got != c.human {
			t.Errorf("Duration(%v) = %q, want %q", c.d, got, c.human)
		}
		if got := text.Short(c.d); got != c.conf {
			t.Errorf("Short(%v) = %q, want %q", c.d, got, c.conf)
		}
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int]string{0: "0 tries", 1: "1 try", 2: "2 tries"} {
		if got := text.Count(n, "try", "tries"); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
	for v, want := range map[float64]string{
		0: "0", 0.4: "0", -0.4: "0", 0.5: "1", -0.5: "-1", 999: "999", 1000: "1,000", -999: "-999", -1000: "-1,000", 500_002.4: "500,002",
		1_234_567: "1,234,567", 999_999_999_999_999: "999,999,999,999,999", 1e15: "1e+15", -1e15: "-1e+15", math.Inf(1): "+Inf",
	} {
		if got := text.Thousands(v); got != want {
			t.Errorf("Thousands(%v) = %q, want %q", v, got, want)
		}
	}
	if got := text.Thousands(math.NaN()); got != "NaN" {
		t.Errorf("Thousands(NaN) = %q", got)
	}
	if got := text.Thousands(int64(34140)); got != "34,140" {
		t.Errorf("Thousands(34140) = %q", got)
	}
}
