package healthcheck

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
)

const (
	// subjectNetwork is the subject of the canary's observation.
	subjectNetwork = "network"
	// canaryEvery is how often the canary is asked while all is well: its failure
	// counts for Alert only if it worked lately.
	canaryEvery   = time.Hour
	canaryTimeout = 2 * time.Second
)

// canary asks an address that answers whenever the network works, where several
// databases fail by the network, and once an hour. It returns no observation when it
// was not asked, or not to the end.
func (f *Function) canary(ctx context.Context, r job.Round, observations []report.Observation) []report.Observation {
	c := f.config.Alerting.Canary
	failed := 0
	for _, o := range observations {
		if o.Check == report.Ping && o.Status == report.Fail && o.Cause.Class() == cause.ClassNetwork {
			failed++
		}
	}
	due := failed >= c.Databases || check.Due(check.Spec{Every: canaryEvery}, report.MonitorDatabase, r.Scheduled, r.Every)
	if !c.Enabled || c.URL == "" || !due {
		return nil
	}
	attempt, cancel := context.WithTimeout(ctx, canaryTimeout)
	defer cancel()
	o := report.Observation{
		Database: report.MonitorDatabase, Check: report.Monitor, Subject: subjectNetwork,
		Source: string(report.HealthCheck) + "@" + f.options.Region, Every: canaryEvery, At: f.now().UTC(),
		Status: report.OK, Clear: true,
	}
	if err := f.askCanary(attempt, c.URL); err != nil && ctx.Err() != nil {
		return nil
	} else if err != nil {
		f.log.WarnContext(ctx, "network canary failed", slog.String("event", "canary_failed"))
		o.Status, o.Clear, o.Cause, o.Evidence = report.Fail, false, cause.MonitorNetwork, "the network canary does not answer"
	}
	return []report.Observation{o}
}

// askCanary succeeds with any answer: a redirect of a captive portal is one too, but
// then the databases' certificates fail, which names itself.
func (f *Function) askCanary(ctx context.Context, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := f.canaryTransport.RoundTrip(r)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
