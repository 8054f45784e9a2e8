package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
)

// maxBody bounds a push request: the largest message in base64, and its envelope.
const maxBody = report.MaxPublished*4/3 + 1<<16

// envelope is what Pub/Sub posts to a push endpoint
// (https://cloud.google.com/pubsub/docs/push#receive_push).
type envelope struct {
	Message struct {
		Data        []byte            `json:"data"`
		Attributes  map[string]string `json:"attributes"`
		MessageID   string            `json:"messageId"`
		PublishTime time.Time         `json:"publishTime"`
	} `json:"message"`
	Subscription string `json:"subscription"`
}

// recordTime is what a request keeps for recording what it has sent.
const recordTime = storeTimeout + 5*time.Second

// errPoison says that no retry will make a message readable.
var errPoison = errors.New("unreadable message")

// readEnvelope reads a push request. An error that is not errPoison may pass.
func readEnvelope(r io.Reader) (envelope, error) {
	var e envelope
	body, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err != nil {
		return e, fmt.Errorf("reading push: %w", err)
	}
	if len(body) > maxBody {
		return e, fmt.Errorf("push of more than %d bytes: %w", maxBody, errPoison)
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return e, fmt.Errorf("decoding push: %w: %w", err, errPoison)
	}
	if e.Message.MessageID == "" && e.Message.Attributes == nil && e.Message.Data == nil {
		return e, fmt.Errorf("push without a message: %w", errPoison)
	}
	return e, nil
}

// push answers one push request: 200 acknowledges the message, 503 asks for it
// again later. Pub/Sub takes every other status as the latter
// (https://cloud.google.com/pubsub/docs/push#receive_push), so that a message that
// cannot be read is acknowledged, and said so.
func (f *Function) push(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), Timeout-recordTime)
	defer cancel()
	e, err := readEnvelope(r.Body)
	if err == nil {
		err = f.handle(ctx, e)
	}
	switch {
	case err == nil:
		w.WriteHeader(http.StatusOK)
	case errors.Is(err, errPoison):
		f.log.ErrorContext(ctx, "message cannot be read", "event", "poison", "error", err,
			"message_id", e.Message.MessageID, "subscription", e.Subscription, "bytes", len(e.Message.Data))
		w.WriteHeader(http.StatusOK)
	default:
		f.log.WarnContext(ctx, "message is asked for again", "event", "retry", "error", err, "message_id", e.Message.MessageID)
		w.Header().Set("Retry-After", "10")
		http.Error(w, "try again", http.StatusServiceUnavailable)
	}
}
