package local

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/pongwatch/pongwatch/functions/alert"
	"github.com/pongwatch/pongwatch/shared/report"
)

// How a topic pushes. The deadline is the subscription's acknowledgement deadline in the
// project's Terraform. The pauses are shorter than Pub/Sub's, because this queue has one
// user.
const (
	pushDeadline   = alert.AckDeadline
	pushFirstPause = time.Second
	pushLastPause  = time.Minute
	pushAtOnce     = 4
	// retention is how long an undeliverable message is kept. A report older than ten
	// minutes changes no status, and a person has repeated a command by then.
	retention = time.Hour
	// maxPending bounds the queue; it is more than a day of one report a minute.
	maxPending = 2000
)

// A topic is one machine's Pub/Sub topic with one push subscription. Publish
// returns once the message is on disk; it is then posted until it is acknowledged,
// at least once, across restarts, in no promised order. While the disk takes nothing,
// messages are in memory only, because Alert must learn of an outage even then.
type topic struct {
	name   string
	db     *bolt.DB
	push   func(ctx context.Context, envelope []byte) error
	logger *slog.Logger
	wake   chan struct{}

	mu sync.Mutex
	// lastID rises with each message, also over restarts.
	lastID  uint64
	pending map[uint64]*delivery
	// acknowledged may still be on disk: they are removed in the step that stores the next message. After
	// a kill they are pushed once more, which at-least-once allows.
	acknowledged []uint64
}

// delivery is the state of a message.
type delivery struct {
	stored
	due      time.Time
	tries    int
	inFlight bool
}

// stored is a message on disk.
type stored struct {
	Published  time.Time         `json:"published"`
	Attributes map[string]string `json:"attributes"`
	Data       []byte            `json:"data"`
}

// openTopic continues the topic of that name in db.
func openTopic(db *bolt.DB, name string, c *caller, logger *slog.Logger) (*topic, error) {
	t := &topic{
		name: name, db: db, logger: logger, wake: make(chan struct{}, 1), pending: map[uint64]*delivery{},
		push: func(ctx context.Context, envelope []byte) error {
			return c.post(ctx, "/Alert", http.Header{"User-Agent": {"APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)"}}, envelope)
		},
	}
	err := db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(name))
		if err != nil {
			return err
		}
		return b.ForEach(func(k, v []byte) error {
			t.lastID = binary.BigEndian.Uint64(k)
			d := &delivery{}
			if err := json.Unmarshal(v, &d.stored); err != nil {
				logger.Error("message given up", "topic", name, "message_id", t.lastID, "error", err)
				t.acknowledged = append(t.acknowledged, t.lastID)
				return nil
			}
			t.pending[t.lastID] = d
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("opening the queue of topic %s: %w", name, err)
	}
	return t, nil
}

var errQueueFull = errors.New("the queue is full")

// Publish implements report.Publisher.
func (t *topic) Publish(ctx context.Context, m report.Message) error {
	if len(m.Data) > report.MaxPublished {
		return fmt.Errorf("publishing to %s: %w", t.name, report.ErrTooLarge)
	}
	d := &delivery{stored: stored{Published: time.Now(), Attributes: m.Attributes, Data: m.Data}}
	value, err := json.Marshal(d.stored)
	if err != nil {
		return fmt.Errorf("publishing to %s: %w", t.name, err)
	}
	t.mu.Lock()
	// The time is below JavaScript's largest exact number, and above each earlier id.
	t.lastID = max(t.lastID+1, uint64(d.Published.UnixMicro()))
	id, full := t.lastID, len(t.pending) >= maxPending
	t.mu.Unlock()
	if full {
		return fmt.Errorf("publishing to %s: %d messages wait: %w", t.name, maxPending, errQueueFull)
	}
	err = t.update(func(b *bolt.Bucket) error { return b.Put(key(id), value) })
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) { // the process ends
		return fmt.Errorf("publishing to %s: %w", t.name, err)
	}
	if err != nil {
		t.logger.ErrorContext(ctx, "message kept in memory only", "topic", t.name, "message_id", id, "error", err)
	}
	t.mu.Lock()
	t.pending[id] = d
	t.mu.Unlock()
	t.ring()
	return nil
}

// run pushes until ctx ends, then waits for what is in flight. After grace it cuts that
// off, which leaves the message in the queue.
func (t *topic) run(ctx context.Context, grace time.Duration) {
	pushes, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	defer cutOff()
	var wg sync.WaitGroup
	for ctx.Err() == nil {
		ids, wait := t.claim(time.Now())
		for _, id := range ids {
			wg.Go(func() { t.deliver(pushes, id) })
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-t.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	defer time.AfterFunc(grace, cutOff).Stop()
	wg.Wait()
	if err := t.update(func(*bolt.Bucket) error { return nil }); err != nil {
		// They are pushed once more after a restart, which at-least-once allows.
		t.logger.WarnContext(ctx, "acknowledged messages not removed", "topic", t.name, "error", err)
	}
}

// claim marks the oldest due messages as in flight, and returns how long until the next
// one is due. Finished deliveries ring by themselves.
func (t *topic) claim(now time.Time) (ids []uint64, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	wait = time.Hour
	free := pushAtOnce
	for _, d := range t.pending {
		if d.inFlight {
			free--
		}
	}
	for _, id := range slices.Sorted(maps.Keys(t.pending)) {
		d := t.pending[id]
		switch {
		case d.inFlight:
		case d.due.After(now):
			wait = min(wait, d.due.Sub(now))
		case free > 0:
			d.inFlight = true
			ids = append(ids, id)
			free--
		}
	}
	return ids, wait
}

func (t *topic) deliver(ctx context.Context, id uint64) {
	defer t.ring()
	t.mu.Lock()
	d := t.pending[id]
	t.mu.Unlock()
	envelope, err := t.envelope(id, d.stored)
	if err == nil {
		push, cancel := context.WithTimeout(ctx, pushDeadline)
		err = t.push(push, envelope)
		cancel()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	d.inFlight = false
	if err != nil && (ctx.Err() != nil || time.Since(d.Published) < retention) {
		d.due = time.Now().Add(min(pushFirstPause<<min(d.tries, 6), pushLastPause))
		d.tries++
		t.logger.WarnContext(ctx, "push failed", "topic", t.name, "message_id", id, "tries", d.tries, "error", err)
		return
	}
	if err != nil {
		t.logger.ErrorContext(ctx, "message given up", "topic", t.name, "message_id", id, "tries", d.tries+1, "error", err)
	}
	delete(t.pending, id)
	t.acknowledged = append(t.acknowledged, id)
}

// update changes the topic on disk, and removes the acknowledged messages in the same step,
// because each step waits for the disk.
func (t *topic) update(change func(*bolt.Bucket) error) error {
	t.mu.Lock()
	acknowledged := t.acknowledged
	t.acknowledged = nil
	t.mu.Unlock()
	err := t.db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(t.name))
		for _, id := range acknowledged {
			if err := b.Delete(key(id)); err != nil {
				return err
			}
		}
		return change(b)
	})
	if err != nil {
		t.mu.Lock()
		t.acknowledged = append(t.acknowledged, acknowledged...)
		t.mu.Unlock()
	}
	return err
}

// envelope returns the body of Pub/Sub's push request
// (https://cloud.google.com/pubsub/docs/push#receive_push).
func (t *topic) envelope(id uint64, m stored) ([]byte, error) {
	text, at := strconv.FormatUint(id, 10), m.Published.UTC().Format(time.RFC3339Nano)
	return json.Marshal(map[string]any{
		"subscription": "projects/local/subscriptions/" + t.name,
		"message": map[string]any{
			"data": m.Data, "attributes": m.Attributes,
			// Pub/Sub sends each of these under both names.
			"messageId": text, "message_id": text,
			"publishTime": at, "publish_time": at,
		},
	})
}

func (t *topic) ring() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func key(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }
