package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pongwatch/pongwatch/shared/config"
)

// move is a change between two configurations that history or incidents feel, and what it costs.
type move struct {
	Databases []string `json:"databases"`
	Change    string   `json:"change"`
	Cost      string   `json:"cost"`
}

// moves compares the configuration in force with a new one.
func moves(before, after *config.Config) []move {
	var out []move
	add := func(database, change, cost string) {
		if i := slices.IndexFunc(out, func(m move) bool { return m.Change == change }); i >= 0 {
			out[i].Databases = append(out[i].Databases, database)
			return
		}
		out = append(out, move{[]string{database}, change, cost})
	}
	for i := range before.Databases {
		was := &before.Databases[i]
		is := after.Database(was.Name)
		if is == nil {
			add(was.Name, "no longer watched", "the history expires, and open incidents close without credit to the uptime; under another name a database begins without history")
			continue
		}
		if was.Shard != is.Shard {
			add(was.Name, fmt.Sprintf("moved from shard %s to %s", was.Shard, is.Shard),
				"by how much counters grow between the last reading in the old shard and the first in the new one is lost, and the last hour of a database that was added within it; history, incidents and silences move along")
		}
		regions := after.RegionsOf(is.Shard)
		if was.Home != is.Home && was.Home != "" {
			cost := "uptime and error budget count the pings from the new home alone"
			if !slices.Contains(regions, was.Home) && !slices.Contains(before.RegionsOf(was.Shard), is.Home) {
				cost = "nothing is lost: uptime goes on with the pings from the old home"
			}
			add(was.Name, fmt.Sprintf("home moved from %s to %s", was.Home, is.Home), cost)
		}
		for _, region := range before.RegionsOf(was.Shard) {
			if region != was.Home && !slices.Contains(regions, region) {
				add(was.Name, "no longer watched from "+region, "the pings from there stay on the pages while their range has some, and do not count as another region's")
			}
		}
	}
	return out
}

// mostNamed is how many databases a line names.
const mostNamed = 5

func (m move) String() string {
	names := m.Databases
	more := ""
	if n := len(names) - mostNamed; n > 0 {
		names, more = names[:mostNamed], fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("move: %s%s: %s; %s", strings.Join(names, ", "), more, m.Change, m.Cost)
}
