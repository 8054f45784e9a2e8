package inbound

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/signature"
	"github.com/pongwatch/pongwatch/shared/text"
)

//go:embed page.html.tmpl
var pageSource string

//go:embed page.css
var pageStyle string

var page = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Parse(pageSource))
})

// view is what the page shows.
type view struct {
	Style template.CSS
	// About names environment, database and fault; Back leads to the dashboard.
	Title, About, Text, Button, Back string
	Choices                          []choice
}

type choice struct {
	Value, Label string
	Chosen       bool
}

// confirm shows what a link would do. It changes nothing, because mail scanners and
// chat previews follow every link.
func (f *function) confirm(w http.ResponseWriter, r *http.Request) {
	l, ok := f.link(w, r)
	if !ok {
		return
	}
	if o, ok := f.outcome(r.Context(), command(l), 0); ok {
		f.show(w, http.StatusOK, view{Title: o.Title, Text: o.Text}, l)
		return
	}
	short := incident.ShortID(l.Incident)
	v := view{Title: "Acknowledge " + short + "?", Text: "Reminders become rare and the incident is not escalated.", Button: "Acknowledge"}
	if report.Action(l.Action) == report.Silence {
		v = view{Title: "Silence " + short + "?", Text: "You get no new messages about this incident for the time that you choose. If it is still failing when the silence ends, you are notified.", Button: "Silence"}
		for _, d := range f.config.Alerting.Silences.Choices {
			v.Choices = append(v.Choices, choice{Value: d.String(), Label: text.Duration(d), Chosen: d == f.config.Alerting.Silences.Default})
		}
	}
	f.show(w, http.StatusOK, v, l)
}

// act does what the link permits.
func (f *function) act(w http.ResponseWriter, r *http.Request) {
	l, ok := f.link(w, r)
	if !ok {
		return
	}
	body, ok := bounded(w, r, maxLinkBody, "application/x-www-form-urlencoded")
	form, err := url.ParseQuery(string(body))
	if !ok || err != nil {
		unauthorized(w)
		return
	}
	now := f.now().UTC()
	c := command(l)
	c.At = now
	if c.Action == report.Silence {
		if c.For, err = f.config.Alerting.Silences.For(form.Get("for")); err != nil {
			job.WriteError(w, http.StatusBadRequest, err.Error())
			return
		}
	}
	// A second press within the minute is the same command.
	c.ID = identity("link", l.Shard, l.Incident, strconv.Itoa(l.Reopened), l.Action, c.For.String(), now.Format("2006-01-02T15:04"))
	if !f.send(r.Context(), c) {
		f.show(w, http.StatusServiceUnavailable, view{Title: "Not sent", Text: "The request could not be handed over, and nothing has changed. Go back and try again."}, l)
		return
	}
	o, ok := f.outcome(r.Context(), c, linkPatience)
	if !ok {
		o = Outcome{asked(c), "The messages and the dashboard show it within a few seconds. If they do not, the incident is over, or it has reopened since this link was made: use the link in the latest message."}
	}
	f.show(w, http.StatusOK, view{Title: o.Title, Text: o.Text}, l)
}

// outcome returns what came of a command where that can be known.
func (f *function) outcome(ctx context.Context, c report.Command, wait time.Duration) (Outcome, bool) {
	if f.options.Outcome == nil {
		return Outcome{}, false
	}
	return f.options.Outcome(ctx, c, wait)
}

// command returns what a link permits, without its id and time.
func command(l signature.Link) report.Command {
	return report.Command{
		Action: report.Action(l.Action), Shard: l.Shard, Incident: l.Incident, Reopened: message.Control{Reopened: l.Reopened}.Life(), By: "link", Via: "link",
	}
}

// asked says what a command asks for. Whether it comes true is Alert's decision.
func asked(c report.Command) string {
	short := incident.ShortID(c.Incident)
	if c.Action == report.Silence {
		return "Asked to silence " + short + " for " + text.Duration(c.For)
	}
	return "Asked to acknowledge " + short
}

// link returns the verified link of a request, or answers it.
func (f *function) link(w http.ResponseWriter, r *http.Request) (signature.Link, bool) {
	if len(f.config.Inbound.LinkKeys) == 0 {
		notConfigured(w)
		return signature.Link{}, false
	}
	q := r.URL.Query()
	if len(r.URL.RawQuery) > maxLinkQuery || q.Get("sig") == "" {
		f.invalid(w)
		return signature.Link{}, false
	}
	var l signature.Link
	// An old link is common and no reason to read the keys again.
	err := f.anyKey(r.Context(), f.config.Inbound.LinkKeys, false, func(key secrets.Value) error {
		keys, err := signature.ParseKeys(key.Reveal())
		if err != nil {
			return err
		}
		given, err := signature.VerifyLink(keys, q, f.now())
		if !errors.Is(err, signature.ErrInvalid) {
			l = given
		}
		return err
	})
	known := l.Purpose == message.LinkPurpose && (l.Action == string(report.Acknowledge) || l.Action == string(report.Silence))
	expired := errors.Is(err, signature.ErrExpired)
	actors := f.config.OnCall.Actors
	switch {
	case expired && known:
		f.show(w, http.StatusUnauthorized, view{
			Title: "This link has expired", Text: "It was good until " + text.Stamp(l.Expires) + ", and nothing has changed. Use the link in the latest message, or the command line: pongwatch ack " + incident.ShortID(l.Incident) + ".",
		}, l)
	case expired, errors.Is(err, signature.ErrInvalid), err == nil && !known:
		f.invalid(w)
	case err != nil:
		f.keyUnreadable(w, r, err)
	case len(actors) > 0 && !slices.Contains(actors, "link"): // Alert is sure to refuse its command
		f.show(w, http.StatusForbidden, view{
			Title: "Links may not do this",
			Text:  "`oncall.actors` lists who may, without the word \"link\". Nothing has changed. Use Slack or the command line.",
		}, l)
	default:
		return l, true
	}
	return signature.Link{}, false
}

// invalid answers a person whose link no key has signed.
func (f *function) invalid(w http.ResponseWriter) {
	f.show(w, http.StatusUnauthorized, view{Title: "This link is not valid", Text: "It is incomplete, or its key has been replaced, and nothing has changed. Use the link in the latest message, or the command line: pongwatch ack."}, signature.Link{})
}

// show renders the page about a link's incident. Its policy lets it load nothing and post
// only to where it came from.
func (f *function) show(w http.ResponseWriter, status int, v view, l signature.Link) {
	v.About = l.About
	if base := strings.TrimSuffix(f.config.Links.Dashboard, "/"); base != "" {
		v.Back = base + "/"
	}
	v.Style = template.CSS(pageStyle) //nolint:gosec // our own file
	sum := sha256.Sum256([]byte(pageStyle))
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex")
	w.WriteHeader(status)
	_ = page().Execute(w, v) // it fails only if the reader is gone
}
