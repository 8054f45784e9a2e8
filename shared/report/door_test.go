package report_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// A publisher cannot reach a terminal's controls, a mail's subject or a log's lines by
// any text of a message, nor fill a document.
func TestNoTextOfAMessageIsLeftAsItCame(t *testing.T) {
	const bad = "\x1b]0;x\x07a\u202eb\r\nBcc: c\n=?utf-8?q?d?="
	long := bad + strings.Repeat("x", 10_000)
	at := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	o := report.Observation{
		Database: bad, Check: report.Ping, Subject: bad, Source: bad, Status: report.Fail, Cause: cause.Cause(bad), Unit: bad, Evidence: bad, TokenVersion: bad,
		Phases: &report.Phases{Reached: bad}, At: at, Every: time.Minute,
	}
	messages := map[string]func() (report.Message, error){
		"signal": func() (report.Message, error) {
			return report.Encode(report.Signal{ID: bad, Source: report.SourceLogs, Service: bad, Revision: bad, Database: bad, Mode: report.Activated, Reason: long, Message: long, At: at})
		},
		"command": func() (report.Message, error) {
			return report.Encode(report.Command{ID: bad, Action: report.Drill, Shard: bad, Incident: bad, Receiver: bad, Reason: long, By: bad, Via: bad, At: at, Series: report.Series{Database: bad, Subject: bad}})
		},
		"report": func() (report.Message, error) {
			return report.Encode(report.Report{Job: report.HealthCheck, Region: bad, Shard: bad, Scheduled: at, Finished: at, Every: time.Minute, Version: long, Observations: []report.Observation{o}})
		},
	}
	for name, encode := range messages {
		m, err := encode()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		d, err := report.Decode(m, at)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		shown := ""
		switch {
		case d.Signal != nil:
			shown = fmt.Sprintf("%+v", *d.Signal)
		case d.Command != nil:
			shown = fmt.Sprintf("%+v", *d.Command)
		case d.Report != nil:
			shown = fmt.Sprintf("%+v %+v", *d.Report, *d.Report.Observations[0].Phases)
		}
		if strings.ContainsAny(shown, "\x1b\x07\r\n\u202e") || strings.Contains(shown, "=?") || len(shown) > 8*report.MaxEvidence {
			t.Errorf("%s comes through as %q", name, shown)
		}
	}
}
