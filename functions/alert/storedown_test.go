package alert

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// keeper is a receiver that keeps whole messages, and answers delivered after its answers.
type keeper struct {
	mu      sync.Mutex
	answers []message.Result
	got     []message.Message
	prev    []message.Ref
}

func (k *keeper) Name() string { return "slack" }

func (k *keeper) Deliver(_ context.Context, m message.Message, prev message.Ref) (message.Ref, message.Outcome, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.got, k.prev = append(k.got, m), append(k.prev, prev)
	result := message.Delivered
	if len(k.answers) > 0 {
		result, k.answers = k.answers[0], k.answers[1:]
	}
	return message.Ref{Channel: "C1", ID: fmt.Sprint(len(k.got))}, message.Outcome{Result: result}, nil
}

// downFor runs minutes in which the store fails and database a is down, then one in which
// both work, and returns what the receiver got once the store worked again.
func downFor(t *testing.T, minutes int, k *keeper, edit func(*Options)) (*world, []message.Message) {
	t.Helper()
	w := newWorld(t, func(o *Options) {
		o.Receivers = map[string]message.Receiver{"slack": k}
		if edit != nil {
			edit(o)
		}
	})
	w.minute("")
	w.faulty.Always(func(storetest.Call) storetest.Fault { return storetest.Unavailable })
	for range minutes {
		w.minute(cause.TimeoutResponse)
	}
	before := len(k.got)
	w.faulty.Always(nil)
	w.minute("")
	return w, k.got[before:]
}

// Each message that was sent without the store gets its end: edits of the earlier ones, and
// a loud end of the last one that says for how long the store was down.
func TestStoreDownMessagesGetTheirEnd(t *testing.T) {
	k := &keeper{}
	w, ends := downFor(t, 35, k, nil)
	if len(ends) != 2 {
		t.Fatalf("%d ends of two messages", len(ends))
	}
	slices.SortFunc(ends, func(a, b message.Message) int { return strings.Compare(a.ID, b.ID) })
	for i, m := range ends {
		opened := k.got[i]
		if m.ID != opened.ID || m.Revision <= opened.Revision || m.State != message.Resolved || m.Opening {
			t.Errorf("end %d is %s r%d %s, want the end of %s", i, m.ID, m.Revision, m.State, opened.ID)
		}
		if want := "pongwatch's store works again, after 35 min (12:01–12:36 UTC)"; m.Headline != want {
			t.Errorf("headline %q, want %q", m.Headline, want)
		}
		if !strings.Contains(m.News, "named a.") || len(m.Members) > 0 || len(m.Fix) > 0 || len(m.Actions) > 0 {
			t.Errorf("it claims more than that the store works: %+v", m)
		}
		if m.Loud != (i == 1) {
			t.Errorf("end %d is loud: %t", i, m.Loud)
		}
	}
	refs := []string{k.prev[2].ID, k.prev[3].ID}
	slices.Sort(refs)
	if refs[0] != "1" || refs[1] != "2" {
		t.Errorf("the ends are of %v, want those of the two messages", refs)
	}
	w.minute("")
	if len(k.got) != 4 {
		t.Errorf("%d messages, want no more", len(k.got))
	}
}

// An end that a receiver does not take yet is tried again, one that it refuses is not, and
// after an hour it is given up.
func TestTheEndIsTriedAgain(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers []message.Result
		apart   time.Duration
		want    int // tries of the end
	}{
		{"taken", nil, 0, 1},
		{"later, then taken", []message.Result{message.Delivered, message.Later, message.Later}, 0, 3},
		{"refused", []message.Result{message.Delivered, message.Refused}, 0, 1},
		{"later for an hour", []message.Result{message.Delivered, message.Later, message.Later, message.Later}, time.Hour, 2},
		{"the message may have arrived", []message.Result{message.Unknown}, 0, 1},
		{"the message was not taken", []message.Result{message.Later}, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := &keeper{answers: tt.answers}
			w, _ := downFor(t, 1, k, nil)
			for range 5 {
				w.clock.Add(tt.apart)
				w.minute("")
			}
			ends := slices.DeleteFunc(slices.Clone(k.got), func(m message.Message) bool {
				return m.State != message.Resolved || !strings.Contains(m.Headline, "store")
			})
			if len(ends) != tt.want {
				t.Errorf("%d tries of the end, want %d", len(ends), tt.want)
			}
		})
	}
}

// A store that only answers reads is not back: the state must have been written.
func TestAStoreThatCannotBeWrittenIsNotBack(t *testing.T) {
	k := &keeper{}
	w := newWorld(t, func(o *Options) { o.Receivers = map[string]message.Receiver{"slack": k} })
	w.minute("")
	w.faulty.Always(func(c storetest.Call) storetest.Fault {
		if c.Op == storetest.Put {
			return storetest.Unavailable
		}
		return storetest.None
	})
	w.minute(cause.TimeoutResponse)
	w.tick()
	w.tick()
	if len(k.got) != 1 {
		t.Errorf("%d messages while the store takes no write, want the opening alone", len(k.got))
	}
}

// What is wrong with a disk needs a disk's advice, and Firestore's error Firestore's.
func TestStoreDownAdvice(t *testing.T) {
	for folder, want := range map[string]struct{ has, lacks string }{
		"":            {"Firestore", "df -h"},
		"/srv/it's a": {`df -h '/srv/it'\''s a'`, "Firestore"},
	} {
		k := &keeper{}
		downFor(t, 1, k, func(o *Options) { o.Folder = folder })
		m := k.got[0]
		text := m.CauseTitle + "\n" + m.CauseText
		for _, step := range m.Fix {
			text += "\n" + step.Text + "\n" + strings.Join(step.Commands, "\n")
		}
		if !strings.Contains(text, want.has) || strings.Contains(text, want.lacks) {
			t.Errorf("in folder %q the advice is\n%s\nwant %q and not %q", folder, text, want.has, want.lacks)
		}
		if quotes := len(m.Evidence) > 0 && strings.Contains(m.Evidence[0].Text, "injected fault"); quotes != (folder != "") {
			t.Errorf("in folder %q the evidence is %v", folder, m.Evidence)
		}
	}
}

// What is planned is no emergency without the store either.
func TestStoreDownInMaintenance(t *testing.T) {
	for databases, want := range map[string]int{"a": 0, "b": 1} {
		k := &keeper{}
		downFor(t, 5, k, func(o *Options) {
			o.Config = parse(t, document+`
maintenance:
  - {name: upgrade, from: "2026-11-22T11:00", until: "2026-11-22T14:00", databases: [`+databases+`]}
`)
		})
		if opened := slices.DeleteFunc(k.got, func(m message.Message) bool { return m.State != message.Open }); len(opened) != want {
			t.Errorf("%s is in maintenance: %d messages about a, want %d", databases, len(opened), want)
		}
	}
}
