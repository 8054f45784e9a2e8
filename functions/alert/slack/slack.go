// Package slack delivers messages to a Slack channel, by a bot or by an incoming
// webhook, and reads what people do with the messages' buttons.
//
// A bot keeps one message for each incident: it edits it in place, so that the
// channel shows how things stand, and replies in its thread to what people must
// hear of, since an edit notifies nobody. A webhook cannot edit: each transition
// that people must hear of is a message of its own.
package slack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// Options configures a receiver. Either Token or Webhook is set.
type Options struct {
	// Name is the receiver's address in the outbox.
	Name string
	// Token gives the bot's token; Channel is where it posts, best by id.
	Token   message.Credential
	Channel string
	// Webhook gives the URL of an incoming webhook, which is a secret.
	Webhook message.Credential
	// APIURL is the Web API's base; empty is https://slack.com/api/.
	APIURL string
	// Mention is who is mentioned on a critical alert: user ids (U…), user-group ids
	// (S…), "here" or "channel".
	Mention []string
	// Buttons says that messages carry buttons, for an app with interactivity.
	Buttons bool
	// AllowLoopback lets the API and the webhook be on this machine, over http.
	AllowLoopback bool
	// Timeout bounds one call; zero is 5 s. The deadline of Deliver's context holds too.
	Timeout time.Duration
	// Logger hears of payloads that Slack refused; nil discards.
	Logger *slog.Logger
}

const (
	defaultAPI     = "https://slack.com/api/"
	defaultTimeout = 5 * time.Second
	// pause is the wait before the one second try inside a delivery; a longer wait
	// is the outbox's.
	pause, maxPause = 300 * time.Millisecond, 2 * time.Second
)

// hosts are Slack's own; what else is configured must be among them.
var hosts = []string{"slack.com", "hooks.slack.com", "slack-gov.com", "hooks.slack-gov.com"}

var (
	mentionPattern = regexp.MustCompile(`^(?:[SUW][A-Z0-9]{6,}|here|channel)$`)
	userPattern    = regexp.MustCompile(`^[UW][A-Z0-9]{4,}$`)
)

// Receiver is one channel. It implements [message.Receiver].
type Receiver struct {
	options Options
	client  *http.Client
	groups  groups
}

var _ message.Receiver = (*Receiver)(nil)

// New returns a receiver, or says what is wrong with its options.
func New(o Options) (*Receiver, error) {
	if o.APIURL == "" {
		o.APIURL = defaultAPI
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	fail := func(format string, args ...any) (*Receiver, error) {
		return nil, fmt.Errorf("receiver %s: "+format, append([]any{o.Name}, args...)...)
	}
	switch {
	case o.Name == "":
		return nil, errors.New("slack receiver: name is empty")
	case (o.Token == nil) == (o.Webhook == nil):
		return fail("want either a bot token or a webhook")
	case o.Token != nil && o.Channel == "":
		return fail(`channel is empty, want an id such as "C0123456789"`)
	}
	u, err := url.Parse(o.APIURL)
	if err != nil || !slices.Contains(hosts, u.Hostname()) && (!o.AllowLoopback || !outbound.IsLoopback(u.Hostname())) {
		return fail("api_url must be Slack's, for example %s", defaultAPI)
	}
	if !strings.HasSuffix(o.APIURL, "/") {
		o.APIURL += "/"
	}
	for _, m := range o.Mention {
		if !mentionPattern.MatchString(m) {
			return fail("mention %q, want a user id (U…), a user-group id (S…), here or channel", m)
		}
	}
	return &Receiver{
		options: o,
		client:  outbound.NewClient(outbound.Options{Hosts: hosts, AllowLoopback: o.AllowLoopback, Timeout: o.Timeout}),
	}, nil
}

// Name implements [message.Receiver].
func (r *Receiver) Name() string { return r.options.Name }

// Deliver implements [message.Receiver].
func (r *Receiver) Deliver(ctx context.Context, m message.Message, prev message.Ref) (message.Ref, message.Outcome, error) {
	if r.options.Webhook != nil {
		err := r.deliverWebhook(ctx, m)
		return prev, outcome(err), err
	}
	ref, err := r.deliverBot(ctx, m, prev)
	return ref, outcome(err), err
}

func outcome(err error) message.Outcome {
	var f *failure
	switch {
	case err == nil:
		return message.Outcome{Result: message.Delivered}
	case errors.As(err, &f):
		return f.Outcome
	}
	return message.Outcome{Result: message.Later, Reason: err.Error()}
}

// deliverBot brings the incident's message up to date and replies in its thread.
func (r *Receiver) deliverBot(ctx context.Context, m message.Message, prev message.Ref) (message.Ref, error) {
	if prev.ID == "" {
		return r.post(ctx, m)
	}
	err := r.update(ctx, m, prev)
	if f := new(failure); errors.As(err, &f) && f.gone {
		if !m.Loud {
			return prev, nil // somebody deleted it; nothing that people must hear of has happened
		}
		return r.post(ctx, m)
	}
	if err != nil || !m.Loud {
		return prev, err
	}
	// A repeated delivery of a revision that has its reply only edits.
	if prev.Thread == replied(m) {
		return prev, nil
	}
	if err := r.reply(ctx, m, prev); err != nil {
		return prev, err
	}
	prev.Thread = replied(m)
	return prev, nil
}

// replied marks, in the Ref, the revision whose reply is in the thread.
func replied(m message.Message) string { return fmt.Sprintf("r%d", m.Revision) }

func (r *Receiver) post(ctx context.Context, m message.Message) (message.Ref, error) {
	var ref message.Ref
	err := r.call(ctx, "posting", r.parent(m), plainFallback(m), func(ctx context.Context, api *slack.Client, options ...slack.MsgOption) error {
		channel, ts, err := api.PostMessageContext(ctx, r.options.Channel, options...)
		if err == nil {
			ref = message.Ref{Channel: channel, ID: ts, Thread: replied(m)}
		}
		return err
	})
	return ref, err
}

func (r *Receiver) update(ctx context.Context, m message.Message, prev message.Ref) error {
	return r.call(ctx, "editing", r.parent(m), plainFallback(m), func(ctx context.Context, api *slack.Client, options ...slack.MsgOption) error {
		_, _, _, err := api.UpdateMessageContext(ctx, prev.Channel, prev.ID, options...)
		return err
	})
}

func (r *Receiver) reply(ctx context.Context, m message.Message, prev message.Ref) error {
	return r.call(ctx, "replying", r.replyLayout(m), plainFallback(m), func(ctx context.Context, api *slack.Client, options ...slack.MsgOption) error {
		options = append(options, slack.MsgOptionTS(prev.ID))
		if broadcast(m) {
			options = append(options, slack.MsgOptionBroadcast())
		}
		_, _, err := api.PostMessageContext(ctx, prev.Channel, options...)
		return err
	})
}

// broadcast reports whether a reply also goes to the channel: a thread notifies
// only those who are in it, and nobody has joined it yet.
func broadcast(m message.Message) bool {
	if m.Severity != cause.SeverityCritical || m.State == message.Acknowledged {
		return false
	}
	switch m.Event {
	case incident.Escalated, incident.Reminder, incident.Reopened, incident.Resumed, incident.Raised, incident.Resolved, incident.Past, incident.CauseChanged:
		return true
	}
	return false
}

// layout is one message as Slack takes it.
type layout struct {
	text   string // for phones, escaped
	blocks []slack.Block
}

func (l layout) options() []slack.MsgOption {
	o := []slack.MsgOption{slack.MsgOptionText(l.text, false), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl()}
	if len(l.blocks) > 0 {
		o = append(o, slack.MsgOptionBlocks(l.blocks...))
	}
	return o
}

type send func(ctx context.Context, api *slack.Client, options ...slack.MsgOption) error

// call makes one call of the Web API with what can be done about its failure at
// once: the token read anew, the payload reduced to text, a short wait.
func (r *Receiver) call(ctx context.Context, doing string, full, plain layout, do send) error {
	token, err := r.options.Token(ctx, false)
	if err != nil {
		return later(doing, err)
	}
	var reread, reduced, waited bool
	for {
		err := classify(doing, do(ctx, r.api(token), full.options()...), token)
		var f *failure
		switch {
		case err == nil || !errors.As(err, &f):
			return err
		case f.auth && !reread:
			reread = true
			fresh, e := r.options.Token(ctx, true)
			if e != nil || fresh.Equal(token) {
				return err
			}
			token = fresh
		case f.payload && !reduced:
			reduced = true
			r.options.Logger.ErrorContext(ctx, "slack refused blocks, sending text only", "receiver", r.options.Name, "reason", f.Reason, "detail", f.detail)
			full = plain
		case f.Result == message.Later && !waited && mayWait(ctx, f.RetryAfter):
			waited = true
			if !sleep(ctx, max(pause, f.RetryAfter)) {
				return err
			}
		default:
			return err
		}
	}
}

func (r *Receiver) api(token secrets.Value) *slack.Client {
	return slack.New(strings.TrimSpace(token.Reveal()), slack.OptionHTTPClient(r.client), slack.OptionAPIURL(r.options.APIURL))
}

// mayWait reports whether a second try fits into what is left of the delivery.
func mayWait(ctx context.Context, wait time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return wait <= maxPause && (!ok || time.Until(deadline) > max(pause, wait)+time.Second)
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// IsMember reports whether a user belongs to a user group. It needs the scope
// usergroups:read. An answer is good for five minutes. What Slack refuses for good,
// a missing scope for one, is a no, and logged: asking again would not help.
func (r *Receiver) IsMember(ctx context.Context, user, group string) (bool, error) {
	if r.options.Token == nil {
		return false, nil
	}
	if users, ok := r.groups.get(group, time.Now()); ok {
		return slices.Contains(users, user), nil
	}
	var users []string
	err := r.call(ctx, "reading a user group", layout{}, layout{}, func(ctx context.Context, api *slack.Client, _ ...slack.MsgOption) (err error) {
		users, err = api.GetUserGroupMembersContext(ctx, group)
		return err
	})
	if err != nil && outcome(err).Result != message.Refused {
		return false, err
	}
	if err != nil {
		r.options.Logger.ErrorContext(ctx, "slack refuses to list a user group, nobody in it may act", "receiver", r.options.Name, "group", group, "error", err.Error())
	}
	r.groups.put(group, users, time.Now())
	return slices.Contains(users, user), nil
}

// Check asks Slack whether the token works, without posting. A webhook cannot be
// asked; it is left for a drill.
func (r *Receiver) Check(ctx context.Context) error {
	if r.options.Webhook != nil {
		return nil
	}
	return r.call(ctx, "checking the token", layout{}, layout{}, func(ctx context.Context, api *slack.Client, _ ...slack.MsgOption) error {
		_, err := api.AuthTestContext(ctx)
		return err
	})
}
