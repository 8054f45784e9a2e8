package history_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
)

// What two shards know of a database that moved is, for each part, what the newer one knows.
func TestMerge(t *testing.T) {
	at := func(minute int) time.Time { return eight.Add(time.Duration(minute) * time.Minute) }
	verdict := func(minute int, status report.Status, value *float64) history.VerdictAt {
		return history.VerdictAt{At: at(minute), Status: status, Value: value}
	}
	known := func(minute int, replica string, last history.VerdictAt, valued *history.VerdictAt) *history.Known {
		return &history.Known{
			ReadAt: at(minute), Replica: replica, Month: &history.Counters{At: at(minute), Replica: replica},
			Checks: map[report.Check]history.KnownCheck{report.Memory: {Last: last, Valued: valued}},
		}
	}
	half, most := new(0.5), new(0.9)
	oldValue, newValue := verdict(1, report.OK, half), verdict(5, report.Warn, most)
	older := known(1, "old", oldValue, &oldValue)
	newer := known(5, "new", newValue, &newValue)
	silent := known(7, "silent", verdict(7, report.Unknown, nil), nil)
	tests := []struct {
		name        string
		into, other *history.Known
		want        *history.Known
	}{
		{"the other is newer", older, newer, newer},
		{"the other is older", newer, older, newer},
		{"the other has no value", newer, silent, known(7, "silent", verdict(7, report.Unknown, nil), &newValue)},
		{"only the other has a value", silent, older, known(7, "silent", verdict(7, report.Unknown, nil), &oldValue)},
		{"nothing was known", &history.Known{}, older, older},
		{"the other knows nothing", older, &history.Known{}, older},
	}
	for _, tt := range tests {
		got := &history.Known{ReadAt: tt.into.ReadAt, Replica: tt.into.Replica, Month: tt.into.Month}
		got.Checks = maps.Clone(tt.into.Checks)
		got.Merge(tt.other)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
