package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	figures "github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
)

// How much before and after an incident its report shows of the latency, in how many points
// at most of the whole range.
const (
	latencyBefore = time.Hour
	latencyAfter  = 30 * time.Minute
	latencyPoints = 1500
)

func reportCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "report INCIDENT",
		Short: "Write down an incident, as the beginning of a post-mortem",
		Long: `Prints what is known of an incident, open or over, as Markdown: the timeline from the first
failure to the end, who was notified, when and of what, the evidence, the cause, the latency around
it, and the configuration that decided.

It reads from the pongwatch local of this machine, from the Metrics function at --url, or
with --project from Firestore, with your own credentials (gcloud auth application-default
login; the role roles/datastore.viewer). At an address an incident is found for 30 days, in
Firestore for as long as history.incident_days keeps it. The latency around it is kept for
history.sample_days.

Exit codes: 0 success, 1 there is no such incident, 2 usage or connection error.`,
		Example: `  pongwatch report INC-7F3A9K > post-mortem.md
  pongwatch report INC-7F3A9K --project my-project --json`,
		Args: atMost(1),
	}
	var r reader
	r.register(c, "read from this `address` (default "+defaultURL+")")
	project := c.Flags().String("project", "", "read from Firestore in this Google Cloud `project`")
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, args []string) error {
		id := strings.TrimSpace(strings.Join(args, ""))
		if err := checkID(id); err != nil {
			return err
		}
		var rep incidentReport
		var err error
		switch {
		case *project != "" && r.url != "":
			return errors.New("--url and --project are two sources: want one of them")
		case *project != "":
			rep, err = storedReport(c.Context(), *project, id)
		default:
			if err = r.open("--url"); err == nil {
				rep, err = r.report(c.Context(), id)
			}
		}
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.OutOrStdout(), rep)
		}
		_, err = io.WriteString(c.OutOrStdout(), rep.markdown())
		return err
	}
	return c
}

// incidentReport is what is known of one incident.
type incidentReport struct {
	GeneratedAt time.Time          `json:"generated_at"`
	Incident    incidents.Incident `json:"incident"`
	// Timeline is everything that has a time, in order and in words.
	Timeline []entry `json:"timeline"`
	// Explanation and Fix are the cause's.
	Explanation string   `json:"explanation"`
	Fix         []string `json:"fix"`
	PlaybookURL string   `json:"playbook_url,omitempty"`
	Latency     *latency `json:"latency,omitempty"`
	// Missing says what of it could not be read.
	Missing []string `json:"missing,omitempty"`
}

// entry is a line of the timeline.
type entry struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
}

// latency is PING around the incident.
type latency struct {
	Region string `json:"region"`
	// LimitMS is from when on a ping is slow, 0 where the configuration is not known.
	LimitMS float64 `json:"limit_ms,omitzero"`
	Points  []point `json:"points"`
}

// point is the pings of one span of time, which begins at At.
type point struct {
	At     time.Time `json:"at"`
	P50    *float64  `json:"p50_ms,omitempty"`
	P95    *float64  `json:"p95_ms,omitempty"`
	Good   int       `json:"good"`
	Failed int       `json:"failed"`
}

func newReport(i incidents.Incident, now time.Time) incidentReport {
	info := i.Cause.Info()
	return incidentReport{GeneratedAt: now.UTC(), Incident: i, Timeline: timeline(i), Explanation: info.Explanation, Fix: info.Fix}
}

// report reads an incident, and the latency around it, from Metrics.
func (r *reader) report(ctx context.Context, id string) (incidentReport, error) {
	s, err := r.statistics(ctx, url.Values{"range": {"30d"}})
	if err != nil {
		return incidentReport{}, err
	}
	i, err := only(id, slices.Concat(s.Incidents.Open, s.Incidents.Resolved, s.Incidents.Drills, s.Past), about(s.Missing, "incidents"))
	if at := slices.IndexFunc(s.Incidents.Groups, func(g incidents.Group) bool { return incident.MatchID(id, g.FullID) }); err != nil && at >= 0 {
		return incidentReport{}, refuse("%s is a group; want one of its incidents: %s", id, strings.Join(s.Incidents.Groups[at].Members, ", "))
	}
	if err != nil {
		return incidentReport{}, err
	}
	rep := newReport(i, s.GeneratedAt)
	rep.PlaybookURL = r.url + i.Playbook
	if !slices.ContainsFunc(s.Databases, func(d figures.Database) bool { return d.Name == i.Database }) {
		return rep, nil // pongwatch itself, or one that is no longer watched
	}
	span, step := spanOf(s.GeneratedAt.Sub(i.Since) + latencyBefore)
	if s, err = r.statistics(ctx, url.Values{"range": {span}, "database": {i.Database}, "step": {step.String()}}); err != nil {
		return incidentReport{}, fmt.Errorf("reading the latency: %w", err)
	}
	rep.Latency, rep.Missing = around(s, i), about(s.Missing, "pings", "samples")
	return rep, nil
}

// about returns what is missing of these things.
func about(missing []string, things ...string) []string {
	return slices.DeleteFunc(slices.Clone(missing), func(m string) bool {
		return !slices.ContainsFunc(things, func(thing string) bool { return strings.Contains(m, thing) })
	})
}

// spanOf returns the range that goes back so far, with the finest step that it allows.
func spanOf(back time.Duration) (name string, step time.Duration) {
	spans := []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour}
	at := slices.IndexFunc(spans, func(d time.Duration) bool { return d >= back })
	if at < 0 {
		at = len(spans) - 1
	}
	return figures.Ranges()[at], stepOf(spans[at])
}

// stepOf is the finest step in whole minutes that divides a span into latencyPoints.
func stepOf(span time.Duration) time.Duration {
	return max(time.Minute, (span/latencyPoints + time.Minute - 1).Truncate(time.Minute))
}

// around returns the pings from home around the incident, nil where there are none.
func around(s figures.Statistics, i incidents.Incident) *latency {
	if len(s.Databases) != 1 || len(s.Databases[0].Regions) == 0 {
		return nil
	}
	home := s.Databases[0].Regions[0]
	out := latency{Region: home.Region, LimitMS: s.Databases[0].LatencyLimitMS}
	end := i.Resolved
	if end.IsZero() {
		end = s.GeneratedAt
	}
	for n := range home.Series.P50 {
		p := point{At: home.Series.From.Add(time.Duration(n) * time.Duration(home.Series.StepSeconds) * time.Second), P50: home.Series.P50[n]}
		if n < len(home.Series.P95) {
			p.P95 = home.Series.P95[n]
		}
		if n < len(home.Series.Good) && n < len(home.Series.Failed) {
			p.Good, p.Failed = home.Series.Good[n], home.Series.Failed[n]
		}
		if p.Good+p.Failed > 0 && !p.At.Before(i.Since.Add(-latencyBefore)) && p.At.Before(end.Add(latencyAfter)) {
			out.Points = append(out.Points, p)
		}
	}
	if len(out.Points) == 0 {
		return nil
	}
	return &out
}

// only returns the one incident that id names. It may be among what is unread.
func only(id string, all []incidents.Incident, unread []string) (incidents.Incident, error) {
	found := slices.DeleteFunc(all, func(i incidents.Incident) bool { return !incident.MatchID(id, i.FullID) })
	switch {
	case len(found) == 0 && len(unread) > 0:
		return incidents.Incident{}, fmt.Errorf("looking for %s: could not read %s", id, strings.Join(unread, ", "))
	case len(found) == 0:
		return incidents.Incident{}, refuse("there is no incident %s, or it is too old", id)
	case len(found) == 1:
		return found[0], nil
	}
	var ids []string
	for _, i := range found {
		ids = append(ids, i.FullID+" ("+i.Database+")")
	}
	return incidents.Incident{}, refuse("%s means several; want one of\n  %s", id, strings.Join(ids, "\n  "))
}
