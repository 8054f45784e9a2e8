package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// Target is one database in one run: what checks look at. PING and INFO are asked
// once and shared. It is not safe for concurrent use.
type Target struct {
	Database *config.Database
	// Job and Region say who asks.
	Job    report.Job
	Region string
	// Now returns the time; nil is time.Now.
	Now func() time.Time
	// Readings are past readings of this database, the newest last. Checks of counters
	// need one; none is fine.
	Readings []report.Reading
	// Earlier are sparse readings of the day before those, for forecasts: the hours that
	// [EarlierHours] names. None is fine.
	Earlier []report.Reading
	// Unread says that past readings could not be read, as opposed to there being none.
	Unread bool
	// Account reads the month's commands; nil leaves a lower bound.
	Account *Account
	// Listed lists the account's databases; nil compares none with the configuration.
	Listed Listed
	// Apps asks the services that use the database; nil asks none.
	Apps *Apps
	// Deployments reads how apps are deployed; nil reads none.
	Deployments Deployments

	client  *upstash.Client
	version string
	problem error

	pinged   bool
	ping     upstash.PingResult
	pingedAt time.Time
	attempts int

	informed bool
	info     upstash.Info
	infoErr  error
	// hits and misses are the client's own look-ups until INFO was answered.
	hits, misses int64

	// billed is what the account said, nil where it was not asked.
	billed *bill

	// trouble is why nothing that costs commands is asked any more in this run.
	trouble error
	// figures are what checks found out beside INFO.
	figures map[report.Gauge]float64

	// sampled is how many commands samples took.
	sampled int

	// written is what the write canary met, nil where it was not asked.
	written *report.Observation

	// heard is what was seen of each app, nil where apps were not asked.
	heard []heard
}

// past are all readings that are known, in the order of time.
func (t *Target) past() []report.Reading { return slices.Concat(t.Earlier, t.Readings) }

// SetClient gives the target the client for its database and the version of the token
// in use, or the reason for which there is none. Answers are kept, but an INFO that failed
// is asked again through another client.
func (t *Target) SetClient(client *upstash.Client, tokenVersion string, problem error) {
	if client != t.client && t.infoErr != nil {
		t.informed, t.infoErr = false, nil
	}
	t.client, t.version, t.problem = client, tokenVersion, problem
}

// Ping returns the answer to PING, which it sends unless an earlier call did. Where the
// database cannot be asked, the result's error says why.
func (t *Target) Ping(ctx context.Context) upstash.PingResult {
	if !t.pinged {
		t.PingAgain(ctx)
	}
	if !t.pinged {
		return upstash.PingResult{Err: t.unasked()}
	}
	return t.ping
}

// PingAgain sends PING and returns the cause of the last answer, "" for a PONG. The new
// answer replaces the last one, except where the run itself ended meanwhile: an attempt
// that was cut short says nothing.
func (t *Target) PingAgain(ctx context.Context) cause.Cause {
	if t.client != nil && ctx.Err() == nil {
		at := t.now()
		if result := t.client.Ping(ctx); result.Err == nil || ctx.Err() == nil {
			t.pinged, t.ping, t.pingedAt = true, result, at
			t.attempts++
		}
	}
	return t.pingCause()
}

// pingCause returns the cause of the last answer. A target that was not asked is
// [cause.Interrupted], one that cannot be asked has its own cause.
func (t *Target) pingCause() cause.Cause {
	if t.pinged {
		return upstash.CauseOf(t.ping.Err)
	}
	return unknown(t.unasked()).Cause
}

// Sample returns what history keeps of the target's ping.
func (t *Target) Sample(scheduled time.Time) report.Sample {
	s := report.Sample{At: scheduled, Status: report.OK, Cause: t.pingCause(), Attempts: t.attempts}
	switch {
	case !t.pinged:
		s.Status = report.Unknown
	case s.Cause != "":
		s.Status = report.Fail
	}
	if t.pinged {
		s.Phases = phases(t.ping)
	}
	return s
}

// Recall gives the target a sample of history in place of an answer.
func (t *Target) Recall(s report.Sample) {
	duration := func(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
	t.ping = upstash.PingResult{Phases: upstash.Phases{
		DNS: duration(s.Phases.DNS), Connect: duration(s.Phases.Connect), TLS: duration(s.Phases.TLS), Wait: duration(s.Phases.Wait), Total: duration(s.Phases.Total),
	}}
	switch s.Status {
	case report.OK:
	case report.Fail:
		t.ping.Err = &upstash.Error{Op: "ping", Cause: s.Cause}
	default:
		t.problem = &Problem{Cause: s.Cause}
		return
	}
	t.pinged, t.pingedAt, t.attempts = true, s.At, s.Attempts
}

// Pinged returns a target that knows the answer to PING alone, and when it was asked.
// A target that was not asked because the run ended has no such time.
func (t *Target) Pinged() (*Target, time.Time) {
	at := t.pingedAt
	if !t.pinged && t.problem != nil {
		at = t.now()
	}
	return &Target{
		Database: t.Database, Job: t.Job, Region: t.Region, Now: t.Now, version: t.version, problem: t.problem,
		pinged: t.pinged, ping: t.ping, pingedAt: t.pingedAt, attempts: t.attempts,
	}, at
}

// Info asks INFO once.
func (t *Target) Info(ctx context.Context) (upstash.Info, error) {
	if t.client == nil {
		return upstash.Info{}, t.unasked()
	}
	if !t.informed {
		t.informed = true
		t.info, t.infoErr = t.client.Info(ctx)
		t.hits, t.misses = t.client.Lookups()
	}
	return t.info, t.infoErr
}

func (t *Target) now() time.Time {
	if t.Now == nil {
		return time.Now()
	}
	return t.Now()
}

// source is the source of a check's observations where it does not say so itself.
func (t *Target) source(c report.Check) string {
	switch c {
	case report.Ping, report.Latency:
		return t.Region
	case report.ConfigLoad, report.Monitor:
		return string(t.Job) + "@" + t.Region
	default:
		return ""
	}
}

// figure keeps a figure that a check found, for the reading.
func (t *Target) figure(g report.Gauge, v float64) {
	if t.figures == nil {
		t.figures = map[report.Gauge]float64{}
	}
	t.figures[g] = v
}

// unasked is why nothing was asked.
func (t *Target) unasked() error {
	if t.problem != nil {
		return t.problem
	}
	return errInterrupted
}

// Problem is why a database cannot be asked at all: its settings or its secret.
type Problem struct {
	Cause cause.Cause
	// Evidence is redacted.
	Evidence string
	// missingURL says that the settings have no URL, without which an app uses a mock.
	missingURL bool
}

func (p *Problem) Error() string { return fmt.Sprintf("%s: %s", p.Cause, p.Evidence) }

var errInterrupted = &Problem{Cause: cause.Interrupted, Evidence: "the run ended before this check"}

// unknown is an observation of a check that could not be asked, or not answered.
func unknown(err error) report.Observation {
	o := report.Observation{Status: report.Unknown, Cause: upstash.CauseOf(err), Evidence: "an unexpected error"} // its text may hold anything
	if p, ok := errors.AsType[*Problem](err); ok {
		o.Cause, o.Evidence = p.Cause, p.Evidence
	}
	if e, ok := errors.AsType[*upstash.Error](err); ok {
		o.Evidence, o.HTTPStatus = e.Evidence, e.Status
	}
	return o
}

func panicked(c report.Check) report.Observation {
	return report.Observation{Status: report.Unknown, Cause: cause.MonitorPanic, Evidence: "the check " + string(c) + " panicked"}
}

// ok is an observation of a check that found nothing.
func ok() report.Observation { return report.Observation{Status: report.OK, Clear: true} }

func failed(c cause.Cause, evidence string) report.Observation {
	return report.Observation{Status: report.Fail, Cause: c, Evidence: evidence}
}
