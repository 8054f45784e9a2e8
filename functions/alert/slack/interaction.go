package slack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/signature"
	"github.com/pongwatch/pongwatch/shared/text"
)

// Verify checks Slack's signature of a request
// (docs.slack.dev/authentication/verifying-requests-from-slack). Its error is
// [signature.ErrInvalid]. It is our own since slack-go's reads the clock itself.
func Verify(h http.Header, secret secrets.Value, body []byte, now time.Time) error {
	stamp := h.Get("X-Slack-Request-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || secret.IsZero() {
		return signature.ErrInvalid
	}
	if d := now.Sub(time.Unix(seconds, 0)); d > signature.Tolerance || d < -signature.Tolerance {
		return signature.ErrInvalid
	}
	encoded, ok := strings.CutPrefix(h.Get("X-Slack-Signature"), "v0=")
	given, err := hex.DecodeString(encoded)
	if !ok || err != nil {
		return signature.ErrInvalid
	}
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	_, _ = mac.Write([]byte("v0:" + stamp + ":"))
	_, _ = mac.Write(body)
	if !hmac.Equal(given, mac.Sum(nil)) {
		return signature.ErrInvalid
	}
	return nil
}

// Interaction is a person's use of a message's controls.
type Interaction struct {
	App, Team, Channel, User string
	// Message is the text of the message that was acted on, as Slack parses it.
	Message string
	// ResponseURL takes an answer that only the person sees, for half an hour.
	ResponseURL string
	// Actions is empty for what needs no answer, such as a pressed link.
	Actions []ChosenAction
}

// ChosenAction is one control that was used.
type ChosenAction struct {
	message.Control
	Kind report.Action
	// For is how long a silence lasts.
	For time.Duration
	// TS is Slack's own timestamp of the action: its identity.
	TS string
}

// errInteraction says that a request's body is no interaction.
var errInteraction = errors.New("malformed interaction")

// maxValue bounds each text of an interaction in bytes: no control's value or address is longer.
const maxValue = 4 << 10

// payload is the part of an interaction that is read.
type payload struct {
	Type     string              `json:"type"`
	APIAppID string              `json:"api_app_id"`
	Team     struct{ ID string } `json:"team"`
	Channel  struct{ ID string } `json:"channel"`
	User     struct{ ID string } `json:"user"`
	Message  struct {
		Text string `json:"text"`
	} `json:"message"`
	ResponseURL string `json:"response_url"`
	Actions     []struct {
		ActionID       string                 `json:"action_id"`
		ActionTS       string                 `json:"action_ts"`
		Value          string                 `json:"value"`
		SelectedOption struct{ Value string } `json:"selected_option"`
	} `json:"actions"`
}

// ParseInteraction reads the body of a verified request. Only the form's own field
// counts: a payload in the query string is not signed.
func ParseInteraction(body []byte) (Interaction, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form["payload"]) != 1 {
		return Interaction{}, errInteraction
	}
	var p payload
	if err := json.Unmarshal([]byte(form.Get("payload")), &p); err != nil || p.User.ID == "" {
		return Interaction{}, errInteraction
	}
	text.Outside(&p, maxValue)
	i := Interaction{App: p.APIAppID, Team: p.Team.ID, Channel: p.Channel.ID, User: p.User.ID, Message: text.Clip(p.Message.Text, maxPush), ResponseURL: p.ResponseURL}
	if !userPattern.MatchString(p.User.ID) || len(p.User.ID) > 32 || len(p.Actions) > 8 {
		return Interaction{}, errInteraction
	}
	if p.Type != "block_actions" {
		return i, nil
	}
	for _, a := range p.Actions {
		chosen := ChosenAction{TS: a.ActionTS}
		control := a.Value
		switch a.ActionID {
		case actionAcknowledge:
			chosen.Kind = report.Acknowledge
		case actionSilence:
			chosen.Kind = report.Silence
			if chosen.For, control, err = parseSilence(a.SelectedOption.Value); err != nil {
				return Interaction{}, errInteraction
			}
		default:
			continue
		}
		if chosen.Control, err = message.ParseControl(control); err != nil || len(a.ActionTS) > 32 || a.ActionTS == "" {
			return Interaction{}, errInteraction
		}
		i.Actions = append(i.Actions, chosen)
	}
	return i, nil
}

// silenceValue is the value of a choice: a duration and a control.
func silenceValue(d time.Duration, control string) string { return d.String() + " " + control }

func parseSilence(value string) (time.Duration, string, error) {
	duration, control, _ := strings.Cut(value, " ")
	d, err := time.ParseDuration(duration)
	if err != nil || d <= 0 || d > report.MaxSilence {
		return 0, "", errInteraction
	}
	return d, control, nil
}
