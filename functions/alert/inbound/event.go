package inbound

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"sync"

	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/signature"
	"github.com/pongwatch/pongwatch/shared/text"
)

// The types of events that apps send.
const (
	TypeActivated   = "mock_mode.activated"
	TypeDeactivated = "mock_mode.deactivated"
)

// Event is what an app posts, in the shape that Standard Webhooks recommends. When
// it was signed decides about its order, not what it says itself.
type Event struct {
	// Type is TypeActivated or TypeDeactivated.
	Type string `json:"type"`
	Data struct {
		// Service is the app's name, as the configuration's `services` maps it.
		Service  string `json:"service"`
		Revision string `json:"revision"`
		// Database is the configured name, where the app knows it.
		Database string `json:"database"`
		// Reason is a word such as "url_missing" or "connect_failed".
		Reason string `json:"reason"`
		// Message is the app's own log line.
		Message string `json:"message"`
	} `json:"data"`
}

// Compiled on first use: every cold start of every function would pay for it.
var (
	servicePattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$`)
	})
	databasePattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^([a-z0-9][a-z0-9-]{0,62})?$`)
	})
)

// ParseEvent makes a verified event's signal. Its error is for the sender, who has
// proved to be the app.
func ParseEvent(body []byte, v signature.Verified) (report.Signal, error) {
	var e Event
	if err := json.Unmarshal(body, &e); err != nil {
		return report.Signal{}, errors.New(`body is no JSON object, want {"type": "mock_mode.activated", "data": {"service": "backend"}}`)
	}
	s := report.Signal{
		ID: v.ID, Source: report.SourceEvent, Service: e.Data.Service, Revision: cut(e.Data.Revision, 100), Database: e.Data.Database,
		Reason: cut(e.Data.Reason, 100), Message: report.CutEvidence(outbound.Redact(e.Data.Message)), At: v.At,
	}
	switch e.Type {
	case TypeActivated:
		s.Mode = report.Activated
	case TypeDeactivated:
		s.Mode = report.Deactivated
	default:
		return report.Signal{}, fmt.Errorf("type is not known, want %q or %q", TypeActivated, TypeDeactivated)
	}
	if !servicePattern().MatchString(s.Service) {
		return report.Signal{}, errors.New(`data.service is missing or no name, want one such as "backend"`)
	}
	if !databasePattern().MatchString(s.Database) {
		return report.Signal{}, errors.New(`data.database is no name, want one such as "prod-cache"`)
	}
	return s, nil
}

// cut also redacts: an app may quote its own settings.
func cut(s string, limit int) string {
	return text.Clip(text.Line(outbound.Redact(s)), limit)
}

// event takes an app's signed event.
func (f *Function) event(w http.ResponseWriter, r *http.Request) {
	if len(f.config.Inbound.EventKeys) == 0 {
		notConfigured(w)
		return
	}
	body, ok := bounded(w, r, maxEventBody, "application/json")
	if !ok || r.Header.Get(signature.HeaderSignature) == "" {
		unauthorized(w)
		return
	}
	var v signature.Verified
	if !f.verified(w, r, f.config.Inbound.EventKeys, func(keys []signature.Key) (err error) {
		v, err = signature.Verify(r.Header, keys, body, f.now())
		return err
	}) {
		return
	}
	s, err := ParseEvent(body, v)
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	m, err := report.Encode(s)
	if err = f.publish(r.Context(), f.options.Signals, m, err); err != nil {
		f.log.ErrorContext(r.Context(), "signal not published", "event", "signal", "id", s.ID, "service", s.Service, "error", outbound.Error(err).Error())
		answer(w, http.StatusServiceUnavailable, map[string]string{"error": "the event could not be handed over, try again"})
		return
	}
	// The words of the event would match the sink that looks for them.
	f.log.InfoContext(r.Context(), "signal published", "event", "signal", "id", s.ID, "service", s.Service, "mode", s.Mode)
	answer(w, http.StatusAccepted, map[string]string{"id": s.ID})
}
