package alert

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
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

// handle deals with one message.
func (f *Function) handle(ctx context.Context, e envelope) error {
	if sig, ok, err := logEntry(e); ok || err != nil {
		if err != nil || sig.Mode == "" {
			return err
		}
		return f.signal(ctx, sig)
	}
	d, err := report.Decode(report.Message{Data: e.Message.Data, Attributes: e.Message.Attributes}, e.Message.PublishTime)
	switch {
	case errors.Is(err, report.ErrNewer) && d.Kind == report.KindCommand:
		return err // a newer version of this function will understand the command
	case errors.Is(err, report.ErrNewer):
		f.log.ErrorContext(ctx, "message of a newer version", "event", "newer", "error", err, "kind", d.Kind)
		return nil // the next run heals
	case err != nil:
		return fmt.Errorf("%w: %w", err, errPoison)
	}
	switch d.Kind {
	case report.KindReport:
		return f.report(ctx, *d.Report)
	case report.KindCommand:
		return f.command(ctx, *d.Command)
	case report.KindSignal:
		return f.signal(ctx, *d.Signal)
	default:
		return f.tick(ctx)
	}
}

func (f *Function) report(ctx context.Context, r report.Report) error {
	if ahead := r.Scheduled.Sub(f.now()); ahead > f.policy(r.Shard).Shift {
		f.log.WarnContext(ctx, "report of the future changes nothing", "event", "clock", "report", r.Identity(), "ahead_ms", ahead.Milliseconds())
	}
	err := f.settle(ctx, r.Shard)
	if err == nil {
		err = f.apply(ctx, r.Shard, Input{Report: &r})
	}
	if errors.Is(err, errStore) {
		f.tellWithoutStore(ctx, r, err)
	}
	return err
}

// tick lets time pass for all shards, then sends the heartbeat. It gives another chance to receivers
// that refuse, and that may take notifications by now.
func (f *Function) tick(ctx context.Context) error {
	f.mu.Lock()
	refusing := f.refusing
	f.mu.Unlock()
	var renewed []ReceiverHealth
	for _, address := range refusing {
		if r, ok := f.options.Receivers[address].(message.Renewable); ok && r.Renewed(ctx) {
			renewed = append(renewed, ReceiverHealth{Address: address, Renewed: true})
		}
	}
	if err := f.everywhere(ctx, Input{Receivers: renewed}); err != nil {
		return err
	}
	f.beat(ctx)
	return nil
}

func (f *Function) command(ctx context.Context, c report.Command) error {
	allowed, err := f.mayAct(ctx, c)
	if err != nil {
		return fmt.Errorf("checking who may act: %w", err)
	}
	if !allowed {
		f.log.WarnContext(ctx, "command refused", "event", "command", "action", c.Action, "by", c.By, "via", c.Via, "incident", c.Incident)
		return nil
	}
	f.log.InfoContext(ctx, "command", "event", "command", "action", c.Action, "by", c.By, "via", c.Via, "incident", c.Incident)
	if err := f.settle(ctx, c.Shard); err != nil && !errors.Is(err, errMoving) {
		return err // otherwise it could miss what is on its way between two shards
	}
	in := Input{Command: &c}
	switch {
	case c.Shard != "" && c.Incident == "": // otherwise its database may have moved since
		return f.apply(ctx, c.Shard, in)
	case c.Action == report.Drill:
		return f.apply(ctx, f.first, in)
	}
	return f.everywhere(ctx, in)
}

// everywhere applies an input to every shard, a few at a time, whether others fail or not.
func (f *Function) everywhere(ctx context.Context, in Input) error {
	shards := slices.Concat(f.config.ShardNames(), f.storedShards(ctx))
	slices.Sort(shards)
	shards = slices.Compact(shards)
	errs := make([]error, len(shards))
	var group errgroup.Group
	group.SetLimit(4)
	for i, shard := range shards {
		group.Go(func() error {
			if err := f.apply(ctx, shard, in); err != nil {
				errs[i] = fmt.Errorf("shard %s: %w", shard, err)
			}
			return nil
		})
	}
	_ = group.Wait() // it has no error of its own
	return errors.Join(errs...)
}

// storedFor is how long the shards that have a state are remembered: one that is gone from
// the configuration may still have open incidents.
const storedFor = time.Hour

// storedShards returns the shards that have a state.
func (f *Function) storedShards(ctx context.Context) []string {
	f.mu.Lock()
	names, read := f.stored, f.storedAt
	f.mu.Unlock()
	if age := f.now().Sub(read); !read.IsZero() && age >= 0 && age < storedFor {
		return names
	}
	prefix := incident.StateKey("")
	from, to := store.Prefix(prefix)
	var found []string
	for doc, err := range f.store.Range(ctx, from, to) {
		if err != nil {
			return names // reading a state fails as well, and that is reported
		}
		found = append(found, doc.Key[len(prefix):])
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stored, f.storedAt = found, f.now()
	return found
}

// membership is a receiver that knows the members of its channel's user groups.
type membership interface {
	IsMember(ctx context.Context, user, group string) (bool, error)
}

// mayAct decides by the configuration. In Slack the approvers of any receiver may act, or
// all members if none lists any. Elsewhere those listed in `oncall.actors` may act, or all
// that the channel has verified. A link does not know who follows it, so that it may act
// on such a list only if the list holds the word "link".
func (f *Function) mayAct(ctx context.Context, c report.Command) (bool, error) {
	if c.Via != "slack" {
		actors := f.config.OnCall.Actors
		return len(actors) == 0 || slices.Contains(actors, c.By), nil
	}
	listed := false
	var unknown error
	for i := range f.config.Receivers {
		r := &f.config.Receivers[i]
		if r.Slack == nil || len(r.Slack.Approvers) == 0 {
			continue
		}
		listed = true
		if slices.Contains(r.Slack.Approvers, c.By) {
			return true, nil
		}
		channel, ok := f.options.Receivers[r.Name].(membership)
		for _, a := range r.Slack.Approvers {
			if !ok || !strings.HasPrefix(a, "S") {
				continue
			}
			in, err := channel.IsMember(ctx, c.By, a)
			if in {
				return true, nil
			}
			unknown = cmp.Or(err, unknown)
		}
	}
	// An error asks for another try. It must not count as leave.
	return !listed, unknown
}
