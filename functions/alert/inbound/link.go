package inbound

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
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
	Style               template.CSS
	Title, Text, Button string
	Choices             []choice
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
	short := incident.ShortID(l.Incident)
	v := view{Title: "Acknowledge " + short + "?", Text: "Reminders become rare and no one else is called.", Button: "Acknowledge"}
	if report.Action(l.Action) == report.Silence {
		v = view{Title: "Silence " + short + "?", Text: "You get no new messages about this incident for the time that you choose. If it is still failing when the silence ends, you are notified.", Button: "Silence"}
		for _, d := range f.config.Alerting.Silences.Choices {
			v.Choices = append(v.Choices, choice{Value: d.String(), Label: text.Duration(d), Chosen: d == f.config.Alerting.Silences.Default})
		}
	}
	show(w, http.StatusOK, v)
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
	c := report.Command{
		Action: report.Action(l.Action), Shard: l.Shard, Incident: l.Incident, Reopened: message.Life(l.Reopened), By: "link", Via: "link", At: now,
	}
	if c.Action == report.Silence {
		if c.For, err = f.silence(form.Get("for")); err != nil {
			job.WriteError(w, http.StatusBadRequest, err.Error())
			return
		}
	}
	// A second press within the minute is the same command.
	c.ID = identity("link", l.Shard, l.Incident, strconv.Itoa(l.Reopened), l.Action, c.For.String(), now.Format("2006-01-02T15:04"))
	if !f.command(r.Context(), c) {
		show(w, http.StatusServiceUnavailable, view{Title: "Not done", Text: "The request could not be handed over. Go back and try again."})
		return
	}
	done := "Acknowledged"
	if c.Action == report.Silence {
		done = "Silenced for " + text.Duration(c.For)
	}
	show(w, http.StatusOK, view{Title: done + ": " + incident.ShortID(l.Incident), Text: "Messages that can be edited show it within a few seconds. If the incident is over or was reopened meanwhile, nothing happens."})
}

// silence reads a duration within what the configuration allows.
func (f *function) silence(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if text == "" {
		d, err = f.config.Alerting.Silences.Default, nil
	}
	limit := min(f.config.Alerting.Silences.Max, report.MaxSilence)
	if err != nil || d <= 0 || d > limit {
		return 0, fmt.Errorf("for is no duration of at most %v, want one such as \"1h\"", limit)
	}
	return d, nil
}

// link returns the verified link of a request, or answers it.
func (f *function) link(w http.ResponseWriter, r *http.Request) (signature.Link, bool) {
	if len(f.config.Inbound.LinkKeys) == 0 {
		notConfigured(w)
		return signature.Link{}, false
	}
	q := r.URL.Query()
	if len(r.URL.RawQuery) > maxLinkQuery || q.Get("sig") == "" {
		expired(w)
		return signature.Link{}, false
	}
	// An old link is common and no reason to read the keys again.
	keys, err := f.keys(r.Context(), f.config.Inbound.LinkKeys, false)
	if err != nil {
		f.keyUnreadable(w, r, err)
		return signature.Link{}, false
	}
	l, err := signature.VerifyLink(keys, q, f.now())
	if err != nil || l.Purpose != message.LinkPurpose || l.Action != string(report.Acknowledge) && l.Action != string(report.Silence) {
		expired(w)
		return signature.Link{}, false
	}
	return l, true
}

// expired answers a person whose link is not valid.
func expired(w http.ResponseWriter) {
	show(w, http.StatusUnauthorized, view{Title: "This link is not valid", Text: "Links in messages are good for 24 hours. Use the one in the latest message, or the command line: pongwatch ack."})
}

// show renders the page. Its policy lets it load nothing and post only to where it came from.
func show(w http.ResponseWriter, status int, v view) {
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
