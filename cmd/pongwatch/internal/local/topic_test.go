package local

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"github.com/pongwatch/pongwatch/shared/report"
)

// pushed is the envelope as Alert reads it.
type pushed struct {
	Subscription string
	Message      struct {
		Data        []byte
		Attributes  map[string]string
		MessageID   string    `json:"messageId"`
		PublishTime time.Time `json:"publishTime"`
	}
}

func openDB(t *testing.T, path string) *bolt.DB {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func newTopic(t *testing.T, db *bolt.DB, push func(context.Context, pushed) error) *topic {
	t.Helper()
	topic, err := openTopic(db, "reports", nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	topic.push = func(ctx context.Context, envelope []byte) error {
		var p pushed
		if err := json.Unmarshal(envelope, &p); err != nil {
			t.Errorf("envelope: %v", err)
		}
		return push(ctx, p)
	}
	return topic
}

// waiting counts the messages that are not yet acknowledged.
func (t *topic) waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.pending)
}

// start runs the topic and returns what stops it and waits for its end.
func start(t *testing.T, topic *topic, grace time.Duration) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); topic.run(ctx, grace) }()
	return func() { cancel(); <-ended }
}

func TestTopicPushesUntilAcknowledged(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "queue.db"))
	defer db.Close()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		began := time.Now()
		topic := newTopic(t, db, func(_ context.Context, p pushed) error {
			at = append(at, time.Since(began))
			if len(at) < 4 {
				return errors.New("status code 503")
			}
			want := map[string]string{"v": "1", "kind": "tick"}
			if diff := cmp.Diff(want, p.Message.Attributes); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			if p.Subscription != "projects/local/subscriptions/reports" || p.Message.MessageID == "" || !p.Message.PublishTime.Equal(began) {
				t.Errorf("envelope %+v, want a subscription, an id and the time of publishing", p)
			}
			return nil
		})
		stop := start(t, topic, time.Second)
		if err := topic.Publish(t.Context(), report.Tick()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		stop()
		want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Errorf("tries, doubling their pause, none after the acknowledgement (-want +got):\n%s", diff)
		}
		if n := topic.waiting(); n != 0 {
			t.Errorf("%d messages wait after the acknowledgement, want 0", n)
		}
	})
}

func TestTopicSurvivesRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue.db")
	message := report.Message{Data: []byte("body"), Attributes: map[string]string{"kind": "command"}}

	db := openDB(t, path)
	first := newTopic(t, db, func(context.Context, pushed) error { return errors.New("not reached") })
	if err := first.Publish(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	db.Close() // never run: the process was killed right after Publish

	db = openDB(t, path)
	defer db.Close()
	got := make(chan pushed, 1)
	second := newTopic(t, db, func(_ context.Context, p pushed) error { got <- p; return nil })
	stop := start(t, second, time.Second)
	p := <-got
	stop()
	if string(p.Message.Data) != "body" || p.Message.Attributes["kind"] != "command" {
		t.Errorf("after the restart %+v was pushed, want the message as published", p.Message)
	}

	third := newTopic(t, db, nil)
	if n := third.waiting(); n != 0 {
		t.Errorf("%d messages wait after the acknowledgement and a restart, want 0", n)
	}
}

// A message that a damaged file holds is given up, and the others are pushed.
func TestTopicWithAMessageThatCannotBeRead(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "queue.db"))
	defer db.Close()
	if err := newTopic(t, db, nil).Publish(t.Context(), report.Tick()); err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte("reports")).Put(key(1), []byte("{")) }); err != nil {
		t.Fatal(err)
	}
	got := make(chan pushed, 1)
	topic := newTopic(t, db, func(_ context.Context, p pushed) error { got <- p; return nil })
	stop := start(t, topic, time.Second)
	<-got
	stop()
	if again := newTopic(t, db, nil); again.waiting() != 0 || len(again.acknowledged) != 0 {
		t.Errorf("%d messages wait, and %d were removed once more", again.waiting(), len(again.acknowledged))
	}
}

func TestTopicGivesUp(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "queue.db"))
	defer db.Close()
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		topic := newTopic(t, db, func(context.Context, pushed) error { tries++; return errors.New("status code 500") })
		stop := start(t, topic, time.Second)
		if err := topic.Publish(t.Context(), report.Tick()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(retention - time.Minute)
		if topic.waiting() != 1 {
			t.Error("the message was given up before the retention ended")
		}
		time.Sleep(3 * time.Minute)
		if topic.waiting() != 0 {
			t.Error("the message still waits after the retention")
		}
		if tries > 70 {
			t.Errorf("%d tries in an hour, want about one a minute", tries)
		}
		stop()
	})
}

// A push that hangs at shutdown is cut off after the grace, and its message stays.
func TestTopicShutdown(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "queue.db"))
	defer db.Close()
	synctest.Test(t, func(t *testing.T) {
		topic := newTopic(t, db, func(ctx context.Context, _ pushed) error { <-ctx.Done(); return ctx.Err() })
		stop := start(t, topic, 5*time.Second)
		if err := topic.Publish(t.Context(), report.Tick()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		began := time.Now()
		stop()
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("stopping took %v, want the grace of 5s", took)
		}
		if topic.waiting() != 1 {
			t.Error("the message that was cut off is gone")
		}
	})
}

// A message that hangs does not hold up the others, and at most pushAtOnce are in flight.
func TestTopicPushesBeside(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "queue.db"))
	defer db.Close()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		running, most := 0, 0
		count := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			running += n
			most = max(most, running)
		}
		topic := newTopic(t, db, func(context.Context, pushed) error {
			count(1)
			defer count(-1)
			time.Sleep(time.Second)
			return nil
		})
		for range 3 * pushAtOnce {
			if err := topic.Publish(t.Context(), report.Tick()); err != nil {
				t.Fatal(err)
			}
		}
		stop := start(t, topic, time.Second)
		began := time.Now()
		for topic.waiting() > 0 {
			time.Sleep(100 * time.Millisecond)
		}
		took := time.Since(began)
		stop()
		if most != pushAtOnce || took > 3500*time.Millisecond {
			t.Errorf("%d at once in %v, want %d in 3s", most, took, pushAtOnce)
		}
	})
}

func TestTopicRefuses(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "queue.db"))
	defer db.Close()
	topic := newTopic(t, db, nil)
	err := topic.Publish(t.Context(), report.Message{Data: make([]byte, report.MaxPublished+1)})
	if !errors.Is(err, report.ErrTooLarge) {
		t.Errorf("publishing too much: %v, want ErrTooLarge", err)
	}
	for id := range uint64(maxPending) {
		topic.pending[id] = &delivery{}
	}
	if err := topic.Publish(t.Context(), report.Tick()); !errors.Is(err, errQueueFull) {
		t.Errorf("publishing to a full queue: %v, want errQueueFull", err)
	}
}
