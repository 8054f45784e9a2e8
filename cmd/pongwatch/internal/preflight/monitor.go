package preflight

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/text"
)

// Monitor is a running pongwatch.
type Monitor interface {
	// Name is its address, for the record.
	Name() string
	// Get requests a page of HealthCheck or Metrics, by its path. It returns an error
	// without an answer; a status other than 200 is no error.
	Get(ctx context.Context, path string) (Page, error)
	// Drill rehearses an alert and returns it once every receiver has taken or refused
	// it, or at the end of its patience, or [ErrNoDrill].
	Drill(ctx context.Context) (incidents.Incident, error)
}

// Page is an answer.
type Page struct {
	Status int
	HTML   bool
	Body   []byte
}

// ErrNoDrill says that no drill can be ordered this way.
var ErrNoDrill = errors.New("no drill can be ordered")

// The pages that a run reads.
const (
	healthPath     = "/api/v1/health/redis"
	jobsPath       = "/health"
	statisticsPath = "/api/v1/admin/redis-metrics"
	dashboardPath  = "/"
)

const noMonitor = "it asks a running pongwatch: name it with --url"

// watching makes an item of a func that asks a running pongwatch.
func watching(judge func(context.Context, *run) Finding) func(context.Context, *run) Finding {
	return func(ctx context.Context, r *run) Finding {
		if r.Monitor == nil {
			return skip(noMonitor)
		}
		return judge(ctx, r)
	}
}

// notWell is a page that did not arrive, or with a wrong content.
func notWell(path string, page Page, err error) Finding {
	steps := []string{
		"Open the address in a browser; behind IAM or a token, pass one with --token-env.",
		"Read the function's log for errors, and check that it is deployed at this version.",
	}
	if err != nil {
		return fail("pongwatch does not answer", "GET "+path+": "+err.Error(), steps...)
	}
	return fail("pongwatch does not answer as it should", fmt.Sprintf("GET %s: HTTP %d", path, page.Status), steps...)
}

// get returns a page; one that came is kept, because several items read it.
func (r *run) get(ctx context.Context, path string) (Page, error) {
	page, ok := r.pages[path]
	if ok {
		return page, nil
	}
	page, err := r.Monitor.Get(ctx, path)
	if err == nil {
		r.pages[path] = page
	}
	return page, err
}

// read returns what a page says, or a finding where it did not arrive or is not as valid wants it.
func read[T any](ctx context.Context, r *run, path string, valid func(status int, v T) bool) (v T, problem *Finding) {
	page, err := r.get(ctx, path)
	if err != nil || !decoded(page.Body, &v) || !valid(page.Status, v) {
		f := notWell(path, page, err)
		return v, &f
	}
	return v, nil
}

// readHealth returns the health answer, which is JSON whatever its status.
func (r *run) readHealth(ctx context.Context) (healthcheck.Health, *Finding) {
	return read(ctx, r, healthPath, func(_ int, h healthcheck.Health) bool { return h.Status != "" })
}

func (r *run) readStatistics(ctx context.Context) (statistics.Statistics, *Finding) {
	return read(ctx, r, statisticsPath, func(status int, s statistics.Statistics) bool {
		return status == http.StatusOK && !s.GeneratedAt.IsZero()
	})
}

// maxShown bounds each text of an answer in bytes.
const maxShown = 4 << 10

// decoded reads a document from outside, whose texts are then fit for every form of the record.
// A field of another type is left out, and makes it false.
func decoded[T any](data []byte, into *T) bool {
	err := json.Unmarshal(data, into)
	text.Outside(into, maxShown)
	return err == nil
}

func healthConnected(ctx context.Context, r *run) Finding {
	h, problem := r.readHealth(ctx)
	if problem != nil {
		return *problem
	}
	c, _ := cause.Parse(h.Cause)
	switch h.Status {
	case "connected":
		return pass("status connected")
	case "degraded":
		return because(Warn, c, "status degraded")
	}
	return because(Fail, c, "status "+string(h.Status))
}

// deployedEgress reads from HealthCheck's answer how far it came.
func deployedEgress(ctx context.Context, r *run, d *database) Finding {
	if r.Monitor == nil {
		return skip(noMonitor)
	}
	h, problem := r.readHealth(ctx)
	if problem != nil {
		return *problem
	}
	one := h
	for _, other := range h.Databases {
		if other.Database == d.Name {
			one = other
		}
	}
	if one.Database != "" && one.Database != d.Name {
		return skip("that pongwatch does not watch a database of this name")
	}
	if c, known := cause.Parse(one.Cause); known && (c.Info().Class == cause.ClassNetwork || c == cause.NotUpstash) {
		return because(Fail, c, one.Evidence)
	}
	evidence := "from " + one.Region
	if p := one.Phases; p != nil {
		evidence += fmt.Sprintf(": dns %.1f ms, connect %.1f ms, tls %.1f ms, wait %.1f ms", p.DNS, p.Connect, p.TLS, p.Wait)
	}
	return pass("%s", evidence)
}

func monitorJobs(ctx context.Context, r *run) Finding {
	var h healthcheck.MonitorHealth
	page, err := r.get(ctx, jobsPath)
	if err != nil || !decoded(page.Body, &h) || h.Status == "" {
		return notWell(jobsPath, page, err)
	}
	var late []string
	for _, j := range h.Jobs {
		if j.State != "ok" {
			late = append(late, fmt.Sprintf("%s of shard %s is %s", j.Job, j.Shard, j.State))
		}
	}
	if page.Status != http.StatusOK || len(late) > 0 {
		return fail("a job does not run on time", strings.Join(late, "; "),
			"Look at the Scheduler job: is it paused, and does its last attempt succeed?", "Read the function's log.")
	}
	return pass("%d jobs on time", len(h.Jobs))
}

// stale is the greatest age of a last ping; another item judges late jobs.
const stale = 15 * time.Minute

func monitorMetrics(ctx context.Context, r *run) Finding {
	s, problem := r.readStatistics(ctx)
	if problem != nil {
		return *problem
	}
	lacks := slices.Clone(s.Missing)
	for _, d := range s.Databases {
		if len(d.Regions) == 0 || d.Regions[0].Last == nil || s.GeneratedAt.Sub(d.Regions[0].Last.At) > stale {
			lacks = append(lacks, "a recent ping of "+d.Name)
		}
		if d.ReadAt.IsZero() {
			lacks = append(lacks, "the figures of "+d.Name)
		}
	}
	for _, d := range r.databases {
		if !slices.ContainsFunc(s.Databases, func(of statistics.Database) bool { return of.Name == d.Name }) {
			lacks = append(lacks, d.Name)
		}
	}
	if len(lacks) > 0 || len(s.Databases) == 0 {
		return fail("the statistics are not complete", "missing: "+strings.Join(lacks, ", "),
			"Wait for the first run of both jobs after a deployment, and repeat.",
			"Compare the databases of this configuration with those of the deployed one.")
	}
	return pass("200; pings and figures of %s", text.Count(len(s.Databases), "database", "databases"))
}

func monitorDashboard(ctx context.Context, r *run) Finding {
	page, err := r.get(ctx, dashboardPath)
	if err != nil || page.Status != http.StatusOK || !page.HTML {
		return notWell(dashboardPath, page, err)
	}
	if !strings.Contains(string(page.Body), "Redis Performance") {
		return fail("the page has no chart of that name", "no \"Redis Performance\"", "Deploy this version of Metrics, and reload.")
	}
	s, problem := r.readStatistics(ctx)
	if problem != nil {
		return *problem
	}
	points := 0
	for _, d := range s.Databases {
		for _, region := range d.Regions {
			for _, p := range region.Series.P50 {
				if p != nil {
					points++
				}
			}
		}
	}
	if points == 0 {
		return fail("the chart has no data", "no answered ping in the last hour", "See network.ping and monitor.jobs: which of them does not pass?")
	}
	return pass("the page has the chart, and it has %d points", points)
}

func receivers(_ context.Context, r *run) Finding {
	if r.Config == nil {
		return skip("no configuration was read")
	}
	var names, kinds []string
	pages := false
	for i := range r.Config.Receivers {
		receiver := &r.Config.Receivers[i]
		for _, p := range receiver.Problems {
			if p.Stops {
				return because(Fail, p.Cause, p.Evidence())
			}
		}
		names = append(names, receiver.Name)
		kinds = append(kinds, receiver.Kind())
		pages = pages || receiver.Pages || receiver.PagerDuty != nil
	}
	evidence := strings.Join(names, ", ")
	switch {
	case len(names) == 0:
		return fail("no one is notified of an outage", "no receiver is configured",
			"Configure a receiver: SLACK_WEBHOOK_URL, or SMTP_HOST with ALERT_EMAIL_TO, or receivers: in the document.")
	case !pages && len(names) == 1:
		return warn("one receiver only: its outage hides every other", evidence, "Configure a second one of another kind.")
	}
	return pass("%s (%s)", evidence, strings.Join(kinds, ", "))
}

func drill(ctx context.Context, r *run) Finding {
	steps := cause.MonitorReceiver.Info().Fix
	i, err := r.Monitor.Drill(ctx)
	switch {
	case errors.Is(err, ErrNoDrill):
		return manual(err.Error(), "Order one with --project and --topic, or by: pongwatch drill --project PROJECT")
	case err != nil:
		return fail("the drill had no effect", err.Error(), steps...)
	case len(i.Told) == 0:
		return fail("the drill reached no receiver", i.ID, steps...)
	}
	var told []string
	delivered := true
	for _, t := range i.Told {
		text := t.Receiver + " " + string(t.Delivery)
		if t.Delivery != incidents.DeliveryDone {
			delivered = false
			if t.Error != "" {
				text += " (" + t.Error + ")"
			}
		}
		told = append(told, text)
	}
	evidence := i.ID + ": " + strings.Join(told, ", ")
	if !delivered {
		return because(Fail, cause.MonitorReceiver, evidence)
	}
	return pass("%s", evidence)
}
