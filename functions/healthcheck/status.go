package healthcheck

import (
	"slices"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Status is the one word about a database.
type Status string

// The statuses.
const (
	StatusConnected Status = "connected"
	// StatusDegraded says that Redis answers, but late, or with something open that does
	// not keep an app from working.
	StatusDegraded Status = "degraded"
	// StatusUnknown says that no run has looked at the database lately.
	StatusUnknown       Status = "unknown"
	StatusStorageFull   Status = "storage_full"
	StatusReadOnly      Status = "read_only"
	StatusQuotaExceeded Status = "quota_exceeded"
	StatusTimeout       Status = "timeout"
	StatusUnreachable   Status = "unreachable"
	StatusUnauthorized  Status = "unauthorized"
	StatusError         Status = "error"
	StatusMock          Status = "mock"
)

// byBadness has the worst status last. An app on a mock is worse off than one without
// Redis: it works, and loses everything it stores.
var byBadness = []Status{
	StatusConnected, StatusDegraded, StatusUnknown, StatusError, StatusStorageFull, StatusReadOnly, StatusQuotaExceeded,
	StatusTimeout, StatusUnreachable, StatusUnauthorized, StatusMock,
}

// Usable reports whether an app can work: what curl -f and load balancers go by.
func (s Status) Usable() bool { return s == StatusConnected || s == StatusDegraded }

func (s Status) badness() int { return slices.Index(byBadness, s) }

// worsen makes h say s if that is worse.
func (h *Health) worsen(s Status, c cause.Cause, evidence string) {
	if s.badness() <= h.Status.badness() {
		return
	}
	h.Status = s
	h.Cause, h.Title, h.Fix, h.Playbook, h.Evidence = "", "", nil, "", evidence
	if c != "" {
		info := c.Info()
		h.Cause, h.Title, h.Fix, h.Playbook = string(c), info.Title, info.Steps(true), c.Playbook()
	}
}

// statusOfCause is the status of a database that fails by c.
func statusOfCause(c cause.Cause) Status {
	switch c {
	case cause.Mock, cause.ConfigMissing:
		return StatusMock // an app with the same settings falls back to its mock
	case cause.ReadonlyToken:
		return StatusReadOnly
	case cause.StorageFull:
		return StatusStorageFull
	case cause.TimeoutConnect, cause.TimeoutResponse:
		return StatusTimeout
	}
	switch c.Class() {
	case cause.ClassNetwork:
		return StatusUnreachable
	case cause.ClassAuth:
		return StatusUnauthorized
	case cause.ClassQuota:
		return StatusQuotaExceeded
	default:
		return StatusError
	}
}

// statusOfObservation judges what was seen just now.
func statusOfObservation(o report.Observation) Status {
	switch {
	case o.Status == report.OK, o.Check == report.ConfigLoad && o.Status == report.Warn:
		return StatusConnected
	case o.Check == report.Ping, o.Check == report.MockMode, o.Check == report.ConfigLoad && o.Cause.Info().Pages():
		return statusOfCause(o.Cause)
	case (o.Check == report.Latency || o.Check == report.Limiter) && o.Status == report.Unknown:
		return StatusConnected // the ping says it, or no limiter is Redis
	default:
		return StatusDegraded
	}
}

// statusOfIncident judges what Alert holds open. The live ping knows better than an
// incident about pings, latency or settings; it is blind to the rest.
func statusOfIncident(i incident.Incident) Status {
	switch i.Series.Check {
	case report.Ping, report.Latency, report.ConfigLoad:
		return StatusConnected
	case report.MockMode:
		return StatusMock
	case report.Write:
		switch s := statusOfCause(i.Cause); s {
		case StatusReadOnly, StatusStorageFull:
			return s
		}
		if i.Status == report.Fail && i.Cause != cause.WritePaused {
			return StatusError
		}
		return StatusDegraded
	default:
		return StatusDegraded
	}
}
