package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	alertjudge "github.com/pongwatch/pongwatch/functions/alert/judge"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// probed is one database's answer, and one element of --json's output.
type probed struct {
	Database string `json:"database"`
	Shard    string `json:"shard"`
	// Status is the worst observation's: ok, warn, fail, or unknown where no
	// check could run.
	Status     report.Status  `json:"status"`
	Cause      cause.Cause    `json:"cause,omitempty"`
	Title      string         `json:"title,omitempty"`
	Evidence   string         `json:"evidence,omitempty"`
	HTTPStatus int            `json:"http_status,omitempty"`
	Phases     *report.Phases `json:"phases_ms,omitempty"`
	Fix        []string       `json:"fix,omitempty"`
	Findings   []report.Check `json:"findings,omitempty"` // the checks that are not ok
	// Severity is the one that the incident would have, also by the configuration's thresholds.
	Severity cause.Severity `json:"severity,omitempty"`
	Token    string         `json:"token_version,omitempty"`
}

// judge makes one answer of what the checks observed: the worst counts, and of
// equals the first.
func judge(database, shard string, deciding policy.Policy, observations []report.Observation) probed {
	p := probed{Database: database, Shard: shard, Status: report.OK}
	worse := []report.Status{report.OK, report.Warn, report.Unknown, report.Fail}
	var worst report.Observation
	for _, o := range observations {
		if o.Phases != nil && p.Phases == nil {
			p.Phases = o.Phases
		}
		if o.TokenVersion != "" {
			p.Token = o.TokenVersion
		}
		if o.Status != report.OK {
			p.Findings = append(p.Findings, o.Check)
		}
		if slices.Index(worse, o.Status) > slices.Index(worse, p.Status) {
			p.Status, worst = o.Status, o
		}
	}
	if p.Status == report.OK {
		return p
	}
	info := worst.Cause.Info()
	p.Cause, p.Title, p.Fix = worst.Cause, info.Title, info.Steps(false)
	if p.Status != report.Unknown { // which opens no incident
		p.Severity = alertjudge.Severity(deciding.Rule(worst.Series()), worst.Status, worst.Cause)
	}
	p.Evidence, p.HTTPStatus = worst.Evidence, worst.HTTPStatus
	return p
}

// verdict is the answer of all: a database that fails outweighs one that could not be
// pinged.
func verdict(all []probed) (err error) {
	for _, p := range all {
		switch p.Status {
		case report.Fail:
			return negative("")
		case report.Unknown:
			err = fmt.Errorf("%s could not be pinged", p.Database)
		default:
		}
	}
	return err
}

// printProbed writes a line for each database, and below it what to do.
func printProbed(w io.Writer, all []probed) {
	width := 0
	for _, p := range all {
		width = max(width, len(p.Database))
	}
	for _, p := range all {
		fmt.Fprintf(w, "%-7s  %-*s  %s\n", p.Status, width, p.Database, p.line())
		if p.Status == report.OK {
			continue
		}
		indent := strings.Repeat(" ", 7+2+width+2)
		if p.Evidence != "" {
			fmt.Fprintf(w, "%s%s\n", indent, p.Evidence)
		}
		for i, step := range p.Fix {
			fmt.Fprintf(w, "%s%d. %s\n", indent, i+1, step)
		}
	}
}

// line returns the answer or the cause, and how long each phase took.
func (p probed) line() string {
	text := string(p.Cause) + ": " + p.Title
	if p.HTTPStatus != 0 {
		text += fmt.Sprintf(", HTTP %d", p.HTTPStatus)
	}
	if p.Phases == nil {
		return text
	}
	if p.Status == report.OK {
		text = "PONG in " + milliseconds(p.Phases.Wait)
	}
	var parts []string
	for _, phase := range []struct {
		name string
		ms   float64
	}{{"dns", p.Phases.DNS}, {"connect", p.Phases.Connect}, {"tls", p.Phases.TLS}, {"wait", p.Phases.Wait}} {
		if phase.ms > 0 {
			parts = append(parts, phase.name+" "+milliseconds(phase.ms))
		}
	}
	if len(parts) > 0 {
		text += " (" + strings.Join(parts, ", ") + ")"
	}
	return text
}

func milliseconds(ms float64) string {
	if ms < 10 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}
