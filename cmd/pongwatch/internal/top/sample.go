package top

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/shared/budget"
)

const (
	// maxRows bounds the rows of a sample, and with them its memory: about 1 MB. What has no row
	// is counted in one of its own.
	maxRows = 4000
	// maxClients is how many clients have rows of their own.
	maxClients = 64
	// maxShown is how many clients of one pattern and command have rows of their own in a result.
	maxShown = 3
	// burst is how soon a second INCR follows that belongs to the same request.
	burst = 2000 // µs
)

// row counts the commands of one pattern, command and client.
type row struct {
	segments []string
	by       string
	command  string
	client   string

	count int64
	// keys and fields are sets of hashes, of 64 places each: enough to tell one key from many.
	keys, fields uint64
	// pairs counts an INCR that follows one of another key within burst.
	pairs  int64
	health bool
}

// identity is what rows are found by.
type identity struct{ pattern, command, client string }

func (r *row) identity() identity {
	return identity{place(r.segments, r.by, len(r.segments)), r.command, r.client}
}

// sampler folds commands to rows while they come. It is safe for concurrent use.
type sampler struct {
	seed maphash.Seed

	mu         sync.Mutex
	rows       map[identity]*row
	clients    map[string]bool
	wide       map[string]bool
	compacted  int // how many rows the last compaction left
	other      row
	unreadable int64
	last       struct {
		row    *row
		key    uint64
		micros int64
	}
}

func newSampler() *sampler {
	return &sampler{
		seed: maphash.MakeSeed(), rows: map[identity]*row{}, clients: map[string]bool{}, wide: map[string]bool{},
		other: row{segments: []string{any}, command: commandOther, client: clientOther},
	}
}

func (s *sampler) addUnreadable() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unreadable++
}

// add counts a command, and forgets its arguments.
func (s *sampler) add(e event) {
	name, key := commandOf(e.args)
	r := row{command: name, client: address(e.client)}
	if key != "" {
		r.segments, r.by, r.health = outline(key)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.clients[r.client] && len(s.clients) >= maxClients {
		r.client = clientOther
	}
	s.clients[strings.Clone(r.client)] = true
	for i, segment := range r.segments {
		if segment != any && !known[plain(segment)] && s.wide[place(r.segments, r.by, i)] {
			r.segments[i] = any
		}
	}
	found := s.find(r)
	found.count++
	found.health = found.health || r.health
	if key == "" {
		s.last.row = nil
		return
	}
	hash := maphash.String(s.seed, key)
	found.keys |= 1 << (hash % 64)
	if len(e.args) > 2 && slices.Contains([]string{"HGET", "HMGET", "HSET", "HSETNX", "HDEL", "HEXISTS", "HINCRBY"}, name) {
		found.fields |= 1 << (maphash.String(s.seed, e.args[2]) % 64)
	}
	if name == "INCR" && s.last.row == found && s.last.key != hash && e.micros-s.last.micros <= burst {
		found.pairs++
		found = nil // a third one begins another pair
	}
	s.last.row, s.last.key, s.last.micros = found, hash, e.micros
}

// find returns the row that counts for r. When there are too many, identifiers that look like words
// are folded first.
func (s *sampler) find(r row) *row {
	id := r.identity()
	if found := s.rows[id]; found != nil {
		return found
	}
	if len(s.rows) >= maxRows && s.compacted < maxRows*3/4 {
		s.rows = merge(s.rows, s.wide, false)
		s.compacted = len(s.rows)
		s.last.row = nil
	}
	if len(s.rows) >= maxRows {
		return &s.other
	}
	// A copy, because its texts are parts of a whole line, which they would keep.
	kept := r
	kept.by, kept.command, kept.client = strings.Clone(r.by), strings.Clone(r.command), strings.Clone(r.client)
	kept.segments = slices.Clone(r.segments)
	for i := range kept.segments {
		kept.segments[i] = strings.Clone(kept.segments[i])
	}
	s.rows[kept.identity()] = &kept
	return &kept
}

// merge settles copies of the rows, and adds up those that are now the same.
func merge(rows map[identity]*row, wide map[string]bool, final bool) map[identity]*row {
	var all []*row
	for _, r := range rows {
		c := *r
		c.segments = slices.Clone(r.segments)
		all = append(all, &c)
	}
	settle(all, wide, final)
	merged := map[identity]*row{}
	for _, r := range all {
		m := merged[r.identity()]
		if m == nil {
			merged[r.identity()] = r
			continue
		}
		m.count, m.pairs = m.count+r.count, m.pairs+r.pairs
		m.keys, m.fields, m.health = m.keys|r.keys, m.fields|r.fields, m.health || r.health
	}
	return merged
}

// result describes the sample so far.
func (s *sampler) result(took time.Duration) Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Result{Seconds: took.Seconds(), Unreadable: s.unreadable, Rows: []Row{}, Habits: []Habit{}}
	merged := merge(s.rows, s.wide, true)
	if s.other.count > 0 {
		merged[s.other.identity()] = &s.other
	}
	groups := map[identity][]Row{}
	var seen []finding
	for _, r := range merged {
		out.Commands += r.count
		f := finding{row: r, pattern: show(r.segments, r.by), free: slices.Contains(unbilled, r.command)}
		seen = append(seen, f)
		id := identity{pattern: f.pattern, command: r.command}
		// Patterns that are shown alike are one row.
		if at := slices.IndexFunc(groups[id], func(g Row) bool { return g.Client == r.client }); at >= 0 {
			groups[id][at].Count += r.count
		} else {
			groups[id] = append(groups[id], Row{Pattern: f.pattern, Command: r.command, Client: r.client, Count: r.count, Unbilled: f.free})
		}
	}
	for _, list := range groups {
		if len(list) > maxShown {
			sum := list[0]
			sum.Client, sum.Count = fmt.Sprintf("%d clients", len(list)), 0
			for _, r := range list {
				if sum.Count += r.Count; r.Client == clientOther {
					sum.Client = fmt.Sprintf("over %d clients", len(list)-1)
				}
			}
			list = []Row{sum}
		}
		out.Rows = append(out.Rows, list...)
	}
	for i := range out.Rows {
		r := &out.Rows[i]
		r.Spending = out.spending(r.Count, r.Unbilled)
		out.Total.add(r.Spending)
	}
	slices.SortFunc(out.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Command, b.Command), cmp.Compare(a.Pattern, b.Pattern), cmp.Compare(a.Client, b.Client))
	})
	out.Habits = habits(seen, &out)
	return out
}

// spending is what so many commands of the sample are in a month.
func (r *Result) spending(count int64, free bool) Spending {
	s := Spending{Share: float64(count) / float64(max(1, r.Commands))}
	if !free && r.Seconds > 0 {
		s.CommandsAMonth = int64(float64(count) / r.Seconds * budget.Month.Seconds())
		s.Dollars = float64(s.CommandsAMonth) / 1e6 * perMillion
	}
	return s
}

// several is about how many keys a set has seen, at most 64.
func several(set uint64) int { return bits.OnesCount64(set) }
