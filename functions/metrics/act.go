package metrics

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

const (
	maxForm        = 4 << 10
	publishTimeout = 5 * time.Second
)

// actor returns the name of the person who sent r, if Alert will let them act.
func (f *Function) actor(r *http.Request) (string, bool) {
	by, ok := f.options.Actor.Of(r)
	listed := f.config.OnCall.Actors
	return by, ok && (len(listed) == 0 || slices.Contains(listed, by))
}

// act publishes what a form of the dashboard asks, and leads back to the dashboard, which says
// what came of it. Alert decides.
func (f *Function) act(w http.ResponseWriter, r *http.Request) {
	by, ok := f.actor(r)
	if !ok {
		f.say(w, r, http.StatusForbidden, "Not allowed", "oncall.actors lists who may act, and the name that you typed beside the token is not in it. Nothing has changed.")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	c, back, err := f.command(r, by)
	var message report.Message
	if err == nil {
		message, err = report.Encode(c)
	}
	if err != nil {
		f.say(w, r, http.StatusBadRequest, "Not understood", err.Error()+". Nothing has changed.")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), publishTimeout)
	defer cancel()
	if err := f.options.Reports.Publish(ctx, message); err != nil {
		f.log.ErrorContext(ctx, "command not published", slog.String("event", "command_failed"), slog.Any("error", err))
		f.say(w, r, http.StatusServiceUnavailable, "Not sent", "The request could not be handed over, and nothing has changed. Go back and try again.")
		return
	}
	back.Set("asked", string(c.Action))
	back.Set("incident", c.Incident)
	back.Set("command", c.ID)
	h := w.Header()
	h.Set("Location", "./?"+back.Encode()+"#open")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}

// command reads a form, and the parameters of the page that it stood on.
func (f *Function) command(r *http.Request, by string) (c report.Command, back url.Values, err error) {
	if err = r.ParseForm(); err != nil {
		return c, nil, fmt.Errorf("reading the form: %w", err)
	}
	form := r.PostForm
	now := f.now().UTC()
	c = report.Command{
		Action: report.Action(form.Get("action")), Shard: form.Get("shard"), Incident: form.Get("incident"), By: by, Via: "dashboard", At: now,
	}
	if c.Action != report.Acknowledge && c.Action != report.Silence {
		return c, nil, fmt.Errorf("action is %q, want acknowledge or silence", report.CutEvidence(string(c.Action)))
	}
	if !slices.Contains(f.config.ShardNames(), c.Shard) {
		return c, nil, fmt.Errorf("shard %q is not configured, want one such as %q", report.CutEvidence(c.Shard), f.config.ShardNames()[0])
	}
	if life := form.Get("reopened"); life != "" {
		n, err := strconv.Atoi(life)
		if err != nil {
			return c, nil, fmt.Errorf("reopened is %q, want a number such as 0", report.CutEvidence(life))
		}
		c.Reopened = &n
	}
	if c.Action == report.Silence {
		if c.For, err = f.config.Alerting.Silences.For(form.Get("for")); err != nil {
			return c, nil, err
		}
	}
	if back, err = url.ParseQuery(form.Get("back")); err != nil {
		return c, nil, fmt.Errorf("reading back: %w", err)
	}
	text.Outside(&c, report.MaxEvidence)
	// A second press within the minute is the same command.
	sum := sha256.Sum256([]byte(strings.Join([]string{by, c.Shard, c.Incident, form.Get("reopened"), string(c.Action), c.For.String(), now.Format("2006-01-02T15:04")}, "\x00")))
	c.ID = "dashboard-" + hex.EncodeToString(sum[:12])
	return c, back, nil
}
