package incident

import (
	"crypto/sha256"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
)

// digits is Crockford's base32. It leaves out I, L, O and U, which people misread.
const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const (
	shortPrefix = "INC-"
	shortDigits = 6
	hashDigits  = 12
	idTime      = "20060102T150405Z"
)

// NewID returns the full id of what was opened at that time in the shard, such as
// "20261122T182201Z-7F3A9K2M4QXT". It sorts by time, and two workers that decide the same
// make the same id.
func NewID(shard, subject string, opened time.Time) string {
	opened = opened.UTC()
	return opened.Format(idTime) + "-" + hash(hashDigits, shard, subject, opened.Format(time.RFC3339Nano))
}

// DrillSubject returns the subject of the series of the drill that the command with
// that id opens, so that the person who asked can find the drill.
func DrillSubject(command string) string { return "drill-" + hash(shortDigits, command) }

// MonitorSeries returns one of the monitor's own series.
func MonitorSeries(subject string) report.Series {
	return report.Series{Database: report.MonitorDatabase, Check: report.Monitor, Subject: subject}
}

func hash(n int, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	var b strings.Builder
	for _, c := range sum[:n] {
		b.WriteByte(digits[c&31])
	}
	return b.String()
}

// ShortID returns the form of a full id that people use: "INC-7F3A9K". It returns other
// text unchanged.
func ShortID(id string) string {
	_, hash, ok := strings.Cut(id, "-")
	if !ok || len(hash) < shortDigits || strings.HasPrefix(id, shortPrefix) {
		return id
	}
	return shortPrefix + hash[:shortDigits]
}

// MatchID reports whether a person who wrote text may mean id: the full id, or the
// short one with or without its prefix, in any case, with O for 0 and I or L for 1.
func MatchID(text, id string) bool {
	text = strings.ToUpper(strings.TrimSpace(text))
	if text == id {
		return true
	}
	text = strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(strings.TrimPrefix(text, shortPrefix))
	return text != "" && text == strings.TrimPrefix(ShortID(id), shortPrefix)
}
