package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	figures "github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/text"
)

// watcher reads the incidents again and again.
type watcher struct {
	read func(context.Context) (figures.Statistics, error)
	// problems is where failures go where there is no screen.
	out, problems io.Writer
	json          bool
	getenv        func(string) string

	// last is the last answer. Where there is no screen, printed is what was last
	// printed, without what time alone changes, and failing the last failure.
	last             *incidents.View
	printed, failing string
}

// run reads until ctx ends. On a terminal it redraws; elsewhere it prints what has
// changed.
func (w *watcher) run(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		s, err := w.read(ctx)
		if ctx.Err() != nil {
			return
		}
		how := lookOf(w.out, w.getenv)
		switch {
		case !w.json && how.height > 0 && w.getenv("TERM") != "dumb":
			w.redraw(s, err, how)
		case !w.changed(s, err):
		case w.json:
			_ = json.NewEncoder(w.out).Encode(s.Incidents)
		default:
			fmt.Fprintf(w.out, "%s\n", show(s.Incidents, how))
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// redraw shows the latest answer, and why there is no newer one.
func (w *watcher) redraw(s figures.Statistics, err error, how look) {
	page := ""
	if err == nil {
		w.last = &s.Incidents
	} else {
		// Advice in an error has lines of its own; the screen has one for it.
		page = how.paint(red, "NOT CURRENT: ") + text.Line(err.Error()) + "\n"
		if w.last != nil {
			page += "What follows is of " + text.Stamp(w.last.At) + ".\n"
		}
		page += "\n"
	}
	if w.last != nil {
		page += show(*w.last, how)
	}
	how.fill(w.out, page+"\nEvery 5 s; Ctrl-C ends.", func(lines int) string {
		return fmt.Sprintf("… %d more lines; \"pongwatch incidents\" prints all", lines)
	})
}

// changed reports whether there is something new to print. A failure is printed once.
func (w *watcher) changed(s figures.Statistics, err error) bool {
	if err != nil {
		if text := text.Line(err.Error()); text != w.failing {
			w.failing = text
			fmt.Fprintf(w.problems, "pongwatch incidents: %s\n", text)
		}
		return false
	}
	state := timeless(s.Incidents)
	changed := state != w.printed || w.failing != ""
	w.printed, w.failing = state, ""
	return changed
}

// timeless returns what does not change by time passing alone: one more failed check, and the
// figures that it saw, are no change.
func timeless(v incidents.View) string {
	v.At = time.Time{}
	v.Groups = slices.Clone(v.Groups)
	for i := range v.Groups {
		v.Groups[i].DurationSeconds = 0
	}
	for _, list := range []*[]incidents.Incident{&v.Open, &v.Drills, &v.Resolved} {
		*list = slices.Clone(*list)
		for i := range *list {
			(*list)[i].DurationSeconds, (*list)[i].Runs, (*list)[i].Evidence = 0, 0, ""
		}
	}
	// The view is plain data: it cannot fail to encode.
	data, _ := json.Marshal(v)
	return string(data)
}
