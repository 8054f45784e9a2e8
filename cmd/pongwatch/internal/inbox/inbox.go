// Package inbox shows what on-call would have received: Slack messages as Slack
// draws them, with their edits and threads, and mails as a mail reader shows them.
// It renders what the catchers of Slack and mail hand it and keeps nothing itself.
//
// What it shows is untrusted, since an alert quotes what servers answered:
// everything is escaped, only http and https links are links, and the HTML of a
// mail lives in a sandboxed frame with a policy of its own.
package inbox

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/access"
)

// Inbox is everything that was received. Its JSON is what /inbox.json answers.
type Inbox struct {
	// Slack holds the channels' messages in the order in which they were posted;
	// replies are inside the message that they reply to.
	Slack []Slack `json:"slack"`
	// Mail holds every mail, one per recipient, in the order of arrival.
	Mail []Mail `json:"mail"`
}

// Slack is one message as it stands now.
type Slack struct {
	Channel string    `json:"channel"`
	ID      string    `json:"id"` // Slack's timestamp id, empty for an incoming webhook
	At      time.Time `json:"at"`
	// Edits counts how often the message was changed; EditedAt is the last time.
	Edits    int       `json:"edits,omitempty"`
	EditedAt time.Time `json:"edited_at,omitzero"`
	// Text is what a phone's notification shows.
	Text string `json:"text"`
	// Blocks are Slack's own JSON, as they were posted.
	Blocks json.RawMessage `json:"blocks,omitempty"`
	// Broadcast says that a reply was also sent to the channel.
	Broadcast bool    `json:"broadcast,omitempty"`
	Thread    []Slack `json:"thread,omitempty"`
}

// Mail is one mail as one recipient got it.
type Mail struct {
	From       string    `json:"from"`
	To         string    `json:"to"`
	Subject    string    `json:"subject"`
	At         time.Time `json:"at"`
	MessageID  string    `json:"message_id"`
	InReplyTo  string    `json:"in_reply_to,omitempty"`
	References []string  `json:"references,omitempty"`
	Text       string    `json:"text"`
	HTML       string    `json:"html,omitempty"`
}

// Mode is one way to break the demonstration.
type Mode struct {
	Name   string `json:"mode"`
	Label  string `json:"label"`
	Expect string `json:"expect"` // what will be seen, and how soon
}

// Demo is the page's switchboard.
type Demo struct {
	Modes   []Mode
	Current func() string // the name of the mode in force
}

// Mount serves GET /inbox, /inbox.json and what the page needs below /inbox/, behind guard.
// Without demo the page has no buttons; they post to /demo/break.
func Mount(mux *access.Mux, guard access.Guard, read func() Inbox, demo *Demo) {
	p := &pages{read: read, demo: demo}
	mux.Handle("GET /inbox", guard, http.HandlerFunc(p.page))
	mux.Handle("GET /inbox.json", guard, http.HandlerFunc(p.json))
	mux.Handle("GET /inbox/mail/{number}", guard, http.HandlerFunc(p.mail))
	for name, kind := range map[string]string{"inbox.css": "text/css", "inbox.js": "text/javascript", "icon.svg": "image/svg+xml"} {
		mux.Handle("GET /inbox/"+name, guard, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind+"; charset=utf-8")
			http.ServeFileFS(w, r, assets, "assets/"+name)
		}))
	}
}

//go:embed assets
var assets embed.FS

var pageTemplate = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"blocks": blocks,
	"text":   textSpans,
	"rich":   richSpans,
	"clock":  func(t time.Time) string { return t.Local().Format("15:04:05") },
	"stamp":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
}).ParseFS(assets, "assets/page.html"))

type pages struct {
	read func() Inbox
	demo *Demo
}

// The page runs its own script and style only; the frames hold mails.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// A mail brings its own styles, runs nothing and loads nothing; its links open a page
// of their own, as in a mail reader. It is of the page's origin, so that the page can measure
// it, and without scripts that gives the mail nothing.
const mailPolicy = "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'self'"

func (p *pages) page(w http.ResponseWriter, r *http.Request) {
	v := newView(p.read())
	if p.demo != nil {
		v.Demo, v.Mode = p.demo, p.demo.Current()
	}
	var body bytes.Buffer
	if err := pageTemplate.Execute(&body, v); err != nil {
		http.Error(w, "rendering the inbox: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Security-Policy", pagePolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	serve(w, r, body.Bytes())
}

func (p *pages) json(w http.ResponseWriter, r *http.Request) {
	in := p.read()
	// Empty lists are [], not null, so that a reader can count them.
	in.Slack, in.Mail = append([]Slack{}, in.Slack...), append([]Mail{}, in.Mail...)
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(in); err != nil {
		http.Error(w, "encoding the inbox: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	serve(w, r, body.Bytes())
}

func (p *pages) mail(w http.ResponseWriter, r *http.Request) {
	mails := p.read().Mail
	n, err := strconv.Atoi(r.PathValue("number"))
	if err != nil || n < 0 || n >= len(mails) {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", mailPolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	serve(w, r, []byte(strings.Replace(mails[n].HTML, "<head>", `<head><base target="_blank">`, 1)))
}

// serve answers with body, or that it has not changed.
func serve(w http.ResponseWriter, r *http.Request, body []byte) {
	sum := sha256.Sum256(body)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}
