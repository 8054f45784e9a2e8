package inbound

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/slack"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// slack answers the use of a message's controls. Slack wants an answer within three
// seconds and shows a failure to the person who clicked.
func (f *function) slack(w http.ResponseWriter, r *http.Request) {
	in := surface{
		limit: maxSlackBody, types: []string{"application/x-www-form-urlencoded"}, header: "X-Slack-Signature",
		verify: func(key secrets.Value, body []byte) error { return slack.Verify(r.Header, key, body, f.now()) },
	}
	if secret := f.config.Inbound.SlackSigningSecret; secret.IsSet() {
		in.keys = []config.Secret{secret}
	}
	body, ok := f.read(w, r, in)
	if !ok {
		return
	}
	i, err := slack.ParseInteraction(body)
	if err != nil {
		job.WriteError(w, http.StatusBadRequest, err.Error())
		return
	}
	if !f.ours(i) {
		unauthorized(w) // signed by the same app, but used in a workspace that is not configured
		return
	}
	for _, a := range i.Actions {
		c := report.Command{
			ID: identity("slack", i.Team, i.Channel, i.User, a.TS, string(a.Kind), a.Incident), Action: a.Kind,
			Shard: a.Shard, Incident: a.Incident, Reopened: a.Life(), For: a.For, By: i.User, Via: "slack", At: f.now().UTC(),
		}
		if !f.send(r.Context(), c) {
			job.WriteError(w, http.StatusServiceUnavailable, "the command could not be handed over, try again")
			return
		}
		f.tell(r.Context(), i, c)
	}
	// An empty 200 leaves the message as it is.
}

// tellTimeout bounds the answer that only the person sees: the request has three seconds
// in all.
const tellTimeout = 700 * time.Millisecond

// slackHosts are those of response URLs.
var slackHosts = []string{"hooks.slack.com", "hooks.slack-gov.com"}

// tell says to the person who clicked what came of it, what was asked for where that is not
// known, or that it will be refused. Its failure costs only that answer.
func (f *function) tell(ctx context.Context, i slack.Interaction, c report.Command) {
	if i.ResponseURL == "" {
		return
	}
	var said string
	if f.mayNot(i.User) {
		said = "You are not among the approvers of pongwatch, so nothing changes. Ask one of them, or have your user id " + i.User + " added to `approvers`."
	} else {
		o, ok := f.outcome(ctx, c, slackPatience)
		if !ok {
			o = Outcome{asked(c), "The message shows it within a few seconds. If it does not, the incident is over, or it has reopened since that message."}
		}
		said = o.Title + ". " + o.Text
	}
	if i.Message != "" {
		said += "\n> " + i.Message
	}
	body, err := json.Marshal(map[string]any{"response_type": "ephemeral", "replace_original": false, "text": said})
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, i.ResponseURL, bytes.NewReader(body))
	if err == nil {
		req.Header.Set("Content-Type", "application/json")
		var resp *http.Response
		if resp, err = f.client.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}
	if err != nil {
		f.log.WarnContext(ctx, "a person in Slack was not answered", "event", "command", "id", c.ID, "error", outbound.Error(err).Error())
	}
}

// mayNot reports whether Alert is sure to refuse a Slack user. Who belongs to a user group
// is not known here.
func (f *function) mayNot(user string) bool {
	listed := false
	for _, r := range f.config.Receivers {
		if r.Slack == nil {
			continue
		}
		for _, a := range r.Slack.Approvers {
			if a == user || strings.HasPrefix(a, "S") {
				return false
			}
			listed = true
		}
	}
	return listed
}

// ours reports whether the app and workspace are ones that a receiver names.
// Receivers that name none accept any that the signing secret vouches for. One by webhook has no
// buttons where it names no app.
func (f *function) ours(i slack.Interaction) bool {
	known := false
	for _, r := range f.config.Receivers {
		if r.Slack == nil || !r.Slack.Bot() && r.Slack.AppID == "" {
			continue
		}
		known = true
		if (r.Slack.AppID == "" || r.Slack.AppID == i.App) && (r.Slack.TeamID == "" || r.Slack.TeamID == i.Team) {
			return true
		}
	}
	return !known
}

// send publishes a command.
func (f *function) send(ctx context.Context, c report.Command) bool {
	m, err := report.Encode(c)
	return f.publish(ctx, f.options.Reports, m, err, "command", "id", c.ID, "action", c.Action, "incident", c.Incident, "via", c.Via, "by", c.By)
}
