package inbound

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"sync"

	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/signature"
	"github.com/pongwatch/pongwatch/shared/text"
)

// maxWord bounds what an app says of its revision and its reason.
const maxWord = 100

// event is what an app posts, in the shape that Standard Webhooks recommends. The
// time of its signature decides its order.
type event struct {
	Type string `json:"type"`
	Data struct {
		// Service is the app's name, as the configuration's `services` maps it.
		Service  string `json:"service"`
		Revision string `json:"revision"`
		// Database is the configured name, if the app knows it.
		Database string `json:"database"`
		// Reason is a word such as "url_missing" or "connect_failed".
		Reason string `json:"reason"`
		// Message is the app's own log line.
		Message string `json:"message"`
	} `json:"data"`
}

// Compiled on first use, otherwise the cold start of every function pays for them.
var (
	servicePattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$`)
	})
	databasePattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^([a-z0-9][a-z0-9-]{0,62})?$`)
	})
)

// parseEvent returns the signal of a verified event. Its error is for the sender,
// because the sender holds a key.
func parseEvent(body []byte, v signature.Verified) (report.Signal, error) {
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		return report.Signal{}, errors.New(`body is not a JSON object, want {"type": "mock_mode.activated", "data": {"service": "backend"}}`)
	}
	s := report.Signal{
		ID: v.ID, Source: report.SourceEvent, Service: e.Data.Service, Revision: e.Data.Revision, Database: e.Data.Database,
		Reason: e.Data.Reason, Message: e.Data.Message, At: v.At,
	}
	cleaned(&s)
	if !s.Named(e.Type) {
		return report.Signal{}, errors.New(`type is not known, want "mock_mode.activated" or "mock_mode.deactivated", or the same of "limiter_open"`)
	}
	if !servicePattern().MatchString(s.Service) {
		return report.Signal{}, errors.New(`data.service is missing or no name, want one such as "backend"`)
	}
	if !databasePattern().MatchString(s.Database) {
		return report.Signal{}, errors.New(`data.database is not a name, want one such as "prod-cache"`)
	}
	return s, nil
}

// cleaned makes one line of each text of a signal, without secrets, and cuts it.
func cleaned(s *report.Signal) {
	s.Revision, s.Reason, s.Message = outbound.Redact(s.Revision), outbound.Redact(s.Reason), outbound.Redact(s.Message)
	text.Outside(s, report.MaxEvidence)
	s.Revision, s.Reason = text.Clip(s.Revision, maxWord), text.Clip(s.Reason, maxWord)
}

// event answers an app's signed event.
func (f *function) event(w http.ResponseWriter, r *http.Request) {
	var v signature.Verified
	body, ok := f.read(w, r, surface{
		keys: f.config.Inbound.EventKeys, limit: maxEventBody, types: []string{"application/json"}, header: signature.HeaderSignature,
		verify: func(key secrets.Value, body []byte) error {
			keys, err := signature.ParseKeys(key.Reveal())
			if err == nil {
				v, err = signature.Verify(r.Header, keys, body, f.now())
			}
			return err
		},
	})
	if !ok {
		return
	}
	s, err := parseEvent(body, v)
	if err != nil {
		job.WriteError(w, http.StatusBadRequest, err.Error())
		return
	}
	if !f.signal(r.Context(), s) {
		job.WriteError(w, http.StatusServiceUnavailable, "the event could not be handed over, try again")
		return
	}
	job.WriteJSON(w, http.StatusAccepted, map[string]string{"id": s.ID})
}

// signal publishes a signal. Its own words in the log would match the log sink that looks for them.
func (f *function) signal(ctx context.Context, s report.Signal) bool {
	m, err := report.Encode(s)
	return f.publish(ctx, f.options.Signals, m, err, "signal", "id", s.ID, "service", s.Service, "mode", s.Mode)
}
