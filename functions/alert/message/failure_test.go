package message_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// What an answer means turns on its status; a wait counts up to six hours.
func TestStatusesAreJudged(t *testing.T) {
	for _, tt := range []struct {
		status int
		wait   string
		want   message.Outcome
	}{
		{300, "", message.Outcome{Result: message.Refused}},
		{400, "5", message.Outcome{Result: message.Refused}},
		{499, "5", message.Outcome{Result: message.Refused}},
		{408, "5", message.Outcome{Result: message.Later, RetryAfter: 5 * time.Second}},
		{407, "", message.Outcome{Result: message.Refused}},
		{409, "", message.Outcome{Result: message.Refused}},
		{429, "0", message.Outcome{Result: message.Later}},
		{429, "-1", message.Outcome{Result: message.Later}},
		{429, "3600", message.Outcome{Result: message.Later, RetryAfter: time.Hour}},
		{429, "21601", message.Outcome{Result: message.Later, RetryAfter: 6 * time.Hour}},
		{429, "Sun, 22 Nov 2026 12:01:30 GMT", message.Outcome{Result: message.Later, RetryAfter: 90 * time.Second}},
		{503, "Mon, 23 Nov 2026 12:00:00 GMT", message.Outcome{Result: message.Later, RetryAfter: 6 * time.Hour}},
		{429, "Sun, 22 Nov 2026 11:00:00 GMT", message.Outcome{Result: message.Later}},
		{429, "soon", message.Outcome{Result: message.Later}},
		{429, "", message.Outcome{Result: message.Later}},
		{428, "5", message.Outcome{Result: message.Refused}},
		{430, "5", message.Outcome{Result: message.Refused}},
		{500, "5", message.Outcome{Result: message.Later, RetryAfter: 5 * time.Second}},
		{599, "", message.Outcome{Result: message.Later}},
	} {
		f := message.FailStatus("posting", &http.Response{StatusCode: tt.status, Header: http.Header{"Retry-After": {tt.wait}, "Date": {"Sun, 22 Nov 2026 12:00:00 GMT"}}})
		tt.want.Reason = fmt.Sprintf("HTTP %d", tt.status)
		if f.Outcome != tt.want || f.Error() != "posting: "+tt.want.Reason || f.BadCredential {
			t.Errorf("HTTP %d after %q: %+v, %v; want %+v", tt.status, tt.wait, f.Outcome, f, tt.want)
		}
	}
}

// Without an answer, it turns on whether the request had left.
func TestMissingAnswersAreJudged(t *testing.T) {
	canary := secrets.New("c4n4ryS3cret")
	for want, cause := range map[message.Result]error{
		message.Later: fmt.Errorf("dial c4n4ryS3cret: %w", outbound.ErrNotSent), message.Refused: fmt.Errorf("%w: %w", outbound.ErrNotSent, outbound.ErrForbidden),
		message.Unknown: errors.New("read: connection reset"),
	} {
		f := message.FailTransport("posting", cause, canary)
		if f.Result != want || f.Reason == "" || strings.Contains(f.Error(), canary.Reveal()) || !errors.Is(f, f.Err) || f.Err == nil {
			t.Errorf("%v: %+v, want %s", cause, f, want)
		}
	}
	for _, over := range []int{0, 1} {
		f := message.FailTransport("posting", errors.New(strings.Repeat("é", 200+over)))
		if n := strings.Count(f.Reason, "é"); n != 200-over {
			t.Errorf("%d over: a reason of %d characters", over, n)
		}
	}
}

// The outcome of an error is that of the failure in it; an error of another kind may
// be tried again.
func TestOutcomes(t *testing.T) {
	refused := message.Fail(message.Refused, "posting", "no such channel")
	refused.Detail, refused.BadCredential = "archived", true
	wrapped := fmt.Errorf("delivering: %w", refused)
	down := errors.New("secret store down")
	vault := func(context.Context, bool) (secrets.Value, error) { return secrets.Value{}, down }
	unread := message.NewLogin(vault).Do(t.Context(), "posting", nil)
	for _, tt := range []struct {
		err        error
		want       message.Outcome
		credential bool
		text       string
	}{
		{nil, message.Outcome{Result: message.Delivered}, false, "<nil>"},
		{wrapped, message.Outcome{Result: message.Refused, Reason: "no such channel"}, true, "delivering: posting: no such channel (archived)"},
		{unread, message.Outcome{Result: message.Later, Reason: "secret store down"}, false, "posting: secret store down"},
		{down, message.Outcome{Result: message.Later, Reason: "secret store down"}, false, "secret store down"},
	} {
		if got := message.OutcomeOf(tt.err); got != tt.want || message.BadCredential(tt.err) != tt.credential || fmt.Sprint(tt.err) != tt.text {
			t.Errorf("%v: %+v, bad credential %v; want %+v, %v", tt.err, got, message.BadCredential(tt.err), tt.want, tt.credential)
		}
	}
	if !errors.Is(unread, down) {
		t.Error("the reason is lost")
	}
}
