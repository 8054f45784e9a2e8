package statistics

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/history"
)

// hourly is a document that begins at a time.
type hourly = history.Document[struct{}]

// A cache of hours over a store that has one document for each hour in there.
type cached struct {
	t     *testing.T
	cache cache[struct{}]
	there map[int]bool // by the hour of the day
	reads []string     // from where the store was read
	err   error
}

func newCached(t *testing.T, late time.Duration) *cached {
	c := &cached{t: t, there: map[int]bool{}}
	for h := range 24 {
		c.there[h] = true
	}
	c.cache = cache[struct{}]{width: time.Hour, keep: 6 * time.Hour, late: late}
	return c
}

func clock(text string) time.Time {
	at, err := time.Parse("15:04", text)
	if err != nil {
		panic(err)
	}
	return at.AddDate(2026, 0, 0)
}

// get wants the hours from one on, at a time, and that the store was read from there, "" for not at all.
func (c *cached) get(name, from, now, read string, hours ...int) {
	c.t.Helper()
	c.reads = nil
	docs, err := c.cache.get("key", clock(from), clock(now), func(from time.Time) ([]*hourly, error) {
		c.reads = append(c.reads, from.Format("15:04"))
		if c.err != nil {
			return nil, c.err
		}
		var out []*hourly
		for at := from; !at.After(clock(now)); at = at.Add(time.Hour) {
			if c.there[at.Hour()] {
				out = append(out, &hourly{Begin: at})
			}
		}
		return out, nil
	})
	if !errors.Is(err, c.err) {
		c.t.Errorf("%s: error %v, want %v", name, err, c.err)
	}
	var got []int
	for _, d := range docs {
		got = append(got, d.Begin.Hour())
	}
	if !slices.Equal(got, hours) || !slices.Equal(c.reads, []string{read}) {
		c.t.Errorf("%s: at %s hours %v, read from %v; want %v, read from %s", name, now, got, c.reads, hours, read)
	}
}

func TestTheCacheReadsWhatIsNotSettled(t *testing.T) {
	c := newCached(t, 0)
	c.get("the first time everything is read", "10:30", "13:00", "10:00", 10, 11, 12, 13)
	c.get("an hour that ended lately is read again", "10:30", "13:14", "12:00", 10, 11, 12, 13)
	c.get("a quarter of an hour after its end it is settled", "10:30", "13:15", "12:00", 10, 11, 12, 13)
	c.get("and read no more", "10:30", "13:16", "13:00", 10, 11, 12, 13)
	c.get("a later beginning needs less", "12:00", "13:16", "13:00", 12, 13)
	c.get("an earlier one reads all", "09:59", "13:16", "09:00", 9, 10, 11, 12, 13)
	c.get("which is kept then", "09:00", "13:16", "13:00", 9, 10, 11, 12, 13)
	c.get("a beginning where the settled ones end loses none", "13:00", "13:16", "13:00", 13)
	c.get("as this shows", "09:00", "13:16", "13:00", 9, 10, 11, 12, 13)
	c.get("six hours later the oldest are dropped", "10:00", "16:20", "13:00", 10, 11, 12, 13, 14, 15, 16)
	c.get("so that they are read again", "09:00", "16:20", "09:00", 9, 10, 11, 12, 13, 14, 15, 16)
	c.get("and are too old to be kept", "09:00", "16:20", "09:00", 9, 10, 11, 12, 13, 14, 15, 16)
	c.get("the oldest that is kept", "10:00", "16:20", "16:00", 10, 11, 12, 13, 14, 15, 16)
	c.get("what begins after all that is kept is read anew", "20:00", "20:30", "20:00", 20)
	c.get("and what begins before it, too", "19:00", "20:30", "19:00", 19, 20)
}

func TestTheCacheKnowsWhatIsMissing(t *testing.T) {
	c := newCached(t, 0)
	delete(c.there, 11)
	c.get("an hour without a document", "10:00", "12:30", "10:00", 10, 12)
	c.there[11] = true
	c.get("is never written later", "10:00", "12:30", "12:00", 10, 12)

	c = newCached(t, 2*time.Hour)
	delete(c.there, 11)
	c.get("if it may be written late", "10:00", "13:00", "10:00", 10, 12, 13)
	c.get("it is looked for again, up to the last moment", "10:00", "13:00", "11:00", 10, 12, 13)
	c.get("once more", "10:00", "13:01", "11:00", 10, 12, 13)
	c.get("and then no more", "10:00", "13:02", "12:00", 10, 12, 13)

	c = newCached(t, 2*time.Hour)
	delete(c.there, 11)
	c.get("one that is late", "10:00", "12:40", "10:00", 10, 12)
	c.there[11] = true
	c.get("is found", "10:00", "12:41", "11:00", 10, 11, 12)
}

func TestTheCacheKeepsWhatItHasWhenTheStoreFails(t *testing.T) {
	c := newCached(t, 0)
	c.get("all", "10:00", "12:30", "10:00", 10, 11, 12)
	c.err = errors.New("unavailable")
	c.get("what is kept", "10:00", "12:31", "12:00", 10, 11)
	c.get("of what is wanted", "11:00", "12:31", "12:00", 11)
	c.err = nil
	c.get("nothing was lost by it", "10:00", "12:31", "12:00", 10, 11, 12)
}

func TestTheCacheKeepsKeysApart(t *testing.T) {
	c := newCached(t, 0)
	c.get("one key", "10:00", "12:30", "10:00", 10, 11, 12)
	docs, err := c.cache.get("another", clock("10:00"), clock("12:30"), func(time.Time) ([]*hourly, error) { return nil, nil })
	if err != nil || len(docs) != 0 {
		t.Errorf("another key has %d documents, %v", len(docs), err)
	}
	c.get("one key", "10:00", "12:30", "12:00", 10, 11, 12)
}
