// Package slack delivers messages to a Slack channel, by a bot or by an incoming
// webhook, and reads what people do with the messages' buttons.
//
// A bot keeps one message for each incident. It edits the message in place, so that the
// channel shows the present state, and replies in its thread to loud events, because an
// edit notifies no one. A webhook cannot edit: each loud event is a message of its own.
package slack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
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
	// Logger logs payloads that Slack refused; nil discards.
	Logger *slog.Logger
}

const (
	defaultAPI     = "https://slack.com/api/"
	defaultTimeout = 5 * time.Second

	posting = "posting in Slack"
	editing = "editing in Slack"
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
	login   *message.Login

	mu     sync.Mutex
	groups map[string]members
}

var _ message.Receiver = (*Receiver)(nil)

// New returns a receiver, or says what is wrong with its options.
func New(o Options) (*Receiver, error) {
	o.APIURL, o.Logger = cmp.Or(o.APIURL, defaultAPI), cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
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
	credential := o.Token
	if credential == nil {
		credential = o.Webhook
	}
	return &Receiver{
		options: o,
		login:   message.NewLogin(credential),
		groups:  map[string]members{},
		client:  outbound.NewClient(outbound.Options{Hosts: hosts, AllowLoopback: o.AllowLoopback, Timeout: o.Timeout}),
	}, nil
}

// Name implements [message.Receiver].
func (r *Receiver) Name() string { return r.options.Name }

// Renewed implements [message.Renewable].
func (r *Receiver) Renewed(ctx context.Context) bool { return r.login.Renewed(ctx) }

// Deliver implements [message.Receiver].
func (r *Receiver) Deliver(ctx context.Context, m message.Message, prev message.Ref) (message.Ref, message.Outcome, error) {
	ref, err := prev, error(nil)
	if r.options.Webhook == nil {
		ref, err = r.deliverBot(ctx, m, prev)
		if errors.Is(err, errGone) && !m.Loud { // a person deleted it, and nothing loud has happened
			return prev, message.Outcome{Result: message.Delivered, Unsent: true}, nil
		}
	} else if !m.Loud {
		return prev, message.Outcome{Result: message.Delivered, Unsent: true}, nil // a silent edit could only be yet another message
	} else {
		err = r.call(ctx, posting, r.layout(m, m.FirstLine()), plainFallback(m), r.postWebhook)
	}
	return ref, message.OutcomeOf(err), err
}

// deliverBot brings the incident's message up to date and replies in its thread.
func (r *Receiver) deliverBot(ctx context.Context, m message.Message, prev message.Ref) (message.Ref, error) {
	parent, plain := r.layout(m, m.Symbol+" "+m.Headline), plainFallback(m)
	post := func() (ref message.Ref, err error) {
		err = r.callAPI(ctx, posting, parent, plain, func(ctx context.Context, api *slack.Client, options ...slack.MsgOption) error {
			channel, ts, err := api.PostMessageContext(ctx, r.options.Channel, options...)
			if err == nil {
				ref = message.Ref{Channel: channel, ID: ts, Thread: replied(m)}
			}
			return err
		})
		return ref, err
	}
	if prev.ID == "" {
		return post()
	}
	err := r.callAPI(ctx, editing, parent, plain, func(ctx context.Context, api *slack.Client, options ...slack.MsgOption) error {
		_, _, _, err := api.UpdateMessageContext(ctx, prev.Channel, prev.ID, options...)
		return err
	})
	switch {
	case errors.Is(err, errGone) && m.Loud:
		return post()
	case err != nil, !m.Loud, prev.Thread == replied(m):
		return prev, err // a repeated delivery of a revision that has its reply only edits
	}
	err = r.callAPI(ctx, "replying in Slack", r.replyLayout(m), plain, func(ctx context.Context, api *slack.Client, options ...slack.MsgOption) error {
		options = append(options, slack.MsgOptionTS(prev.ID))
		if broadcast(m) {
			options = append(options, slack.MsgOptionBroadcast())
		}
		_, _, err := api.PostMessageContext(ctx, prev.Channel, options...)
		return err
	})
	if err == nil {
		prev.Thread = replied(m)
	}
	return prev, err
}

// replied marks, in the Ref, the revision whose reply is in the thread.
func replied(m message.Message) string { return fmt.Sprintf("r%d", m.Revision) }

// broadcast reports whether a reply also goes to the channel: a thread notifies
// only those who are in it, and at first no one is.
func broadcast(m message.Message) bool {
	if m.Severity != cause.SeverityCritical || m.State == message.Acknowledged {
		return false
	}
	switch m.Event {
	case incident.Escalated, incident.Reminder, incident.Reopened, incident.Resumed, incident.Raised, incident.Joined, incident.Resolved, incident.Past, incident.CauseChanged:
		return true
	}
	return false
}

// layout is one message as Slack takes it.
type layout struct {
	text   string // for phones, escaped
	blocks []slack.Block
}

// callAPI makes one call of the Web API.
func (r *Receiver) callAPI(ctx context.Context, doing string, full, plain layout, do func(context.Context, *slack.Client, ...slack.MsgOption) error) error {
	return r.call(ctx, doing, full, plain, func(ctx context.Context, token secrets.Value, content layout) error {
		client := &answers{client: r.client}
		api := slack.New(strings.TrimSpace(token.Reveal()), slack.OptionHTTPClient(client), slack.OptionAPIURL(r.options.APIURL))
		options := []slack.MsgOption{slack.MsgOptionText(content.text, false), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl()}
		if len(content.blocks) > 0 || doing == editing { // an edit without blocks leaves the old ones in place
			options = append(options, slack.MsgOptionBlocks(content.blocks...))
		}
		return classify(doing, do(ctx, api, options...), client.last, token)
	})
}

// call makes one call with what can be done about its failure at once: the credential
// read anew, the payload reduced to text, a short wait.
func (r *Receiver) call(ctx context.Context, doing string, full, plain layout, do func(context.Context, secrets.Value, layout) error) error {
	var reduced, waited bool
	var refused error
	err := r.login.Do(ctx, doing, func(credential []secrets.Value) error {
		for {
			err := do(ctx, credential[0], full)
			refused = err
			f, failed := errors.AsType[*message.Failure](err)
			switch {
			case !failed:
				return err
			case errors.Is(err, errPayload) && !reduced:
				reduced = true
				r.options.Logger.ErrorContext(ctx, "slack refused blocks, sending text only", "receiver", r.options.Name, "reason", f.Reason, "detail", f.Detail)
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
	})
	if message.BadCredential(refused) {
		return refused // it says more than that the credential cannot be read anew
	}
	return err
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

// groupsFor is how long a group's members are kept: a button must answer at once, and
// who leaves a team need not lose a button within the second.
const groupsFor = 5 * time.Minute

// members are the users of a group.
type members struct {
	users []string
	read  time.Time
}

// IsMember reports whether a user belongs to a user group. It needs the scope
// usergroups:read. An answer is good for five minutes. What Slack refuses for good,
// a missing scope for one, is a no, and logged, because asking again would not help.
func (r *Receiver) IsMember(ctx context.Context, user, group string) (bool, error) {
	if r.options.Token == nil {
		return false, nil
	}
	r.mu.Lock()
	known, ok := r.groups[group]
	r.mu.Unlock()
	if ok && time.Since(known.read) < groupsFor {
		return slices.Contains(known.users, user), nil
	}
	var users []string
	err := r.callAPI(ctx, "reading a user group in Slack", layout{}, layout{}, func(ctx context.Context, api *slack.Client, _ ...slack.MsgOption) (err error) {
		users, err = api.GetUserGroupMembersContext(ctx, group)
		return err
	})
	if err != nil && message.OutcomeOf(err).Result != message.Refused {
		return false, err
	}
	if err != nil {
		r.options.Logger.ErrorContext(ctx, "slack refuses to list a user group, so its members may not act", "receiver", r.options.Name, "group", group, "error", err.Error())
	}
	r.mu.Lock()
	r.groups[group] = members{users, time.Now()}
	r.mu.Unlock()
	return slices.Contains(users, user), nil
}
