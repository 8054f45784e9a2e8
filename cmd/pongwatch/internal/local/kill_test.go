package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/boltstore"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// The variables of a child: its folder, the point at which it kills itself, and the
// file whose existence arms that.
const (
	childData  = "PONGWATCH_CHILD_DATA"
	childPoint = "PONGWATCH_CHILD_POINT"
	childArmed = "PONGWATCH_CHILD_ARMED"
)

// TestMain makes this program a `pongwatch local` where a test has started it as one.
func TestMain(m *testing.M) {
	if os.Getenv(childData) != "" {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o := Options{
		Addr: "127.0.0.1:0", Data: os.Getenv(childData), Every: time.Second,
		Getenv: os.Getenv, Out: io.Discard, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Observe: func(p alert.Point) {
			if string(p) != os.Getenv(childPoint) {
				return
			}
			if _, err := os.Stat(os.Getenv(childArmed)); err != nil {
				return
			}
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal ends the process, not this call
		},
	}
	full, mount := os.Getenv(childFull), os.Getenv(childMount) != ""
	if mount {
		if err := smallDisk(o.Data); err != nil || full == onlyMount {
			return err
		}
	}
	p, err := Start(ctx, o)
	if err != nil {
		return err
	}
	if full != "" {
		if err := fullWhile(full, o.Data, mount); err != nil {
			return err
		}
	}
	return p.Run(ctx)
}

// childCommand returns the command that runs this program as a child, which may mount file
// systems if mount is set.
func childCommand(data string, mount bool, env ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append([]string{childData + "=" + data}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if mount {
		cmd.Env = append(cmd.Env, childMount+"=1")
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	return cmd
}

// victim is what a killed process shares with its successors.
type victim struct {
	t     *testing.T
	redis *upstashtest.Server
	slack *slacktest.Server
	data  string
}

// start runs a child that is to be killed at a point once the returned file exists.
func (v *victim) start(point alert.Point) (armed string, ended <-chan struct{}, interrupt func()) {
	v.t.Helper()
	armed = filepath.Join(v.t.TempDir(), "armed")
	ended, interrupt = v.startWith(false, childPoint+"="+string(point), childArmed+"="+armed)
	return armed, ended, interrupt
}

// startWith runs a child with these variables besides its own.
func (v *victim) startWith(mount bool, env ...string) (ended <-chan struct{}, interrupt func()) {
	v.t.Helper()
	cmd := childCommand(v.data, mount, append(env,
		"UPSTASH_REDIS_URL="+v.redis.URL(), "UPSTASH_REDIS_TOKEN="+v.redis.Token(), "SLACK_WEBHOOK_URL="+v.slack.WebhookURL("alerts"))...)
	log := &strings.Builder{}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait()
	}()
	interrupt = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-done
	}
	v.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		if v.t.Failed() {
			v.t.Logf("log of the child with %v:\n%s", env, log)
		}
	})
	return done, interrupt
}

// state returns the shard's state as the killed process left it, and whether there is one.
func (v *victim) state() (incident.State, bool) {
	v.t.Helper()
	s, err := boltstore.Open(filepath.Join(v.data, "documents.db"), nil)
	if err != nil {
		v.t.Fatal(err)
	}
	defer s.Close()
	doc, err := s.Get(v.t.Context(), incident.StateKey("main"))
	if errors.Is(err, store.ErrNotFound) {
		return incident.State{}, false
	}
	if err != nil {
		v.t.Fatal(err)
	}
	state, err := incident.Decode(doc.Data)
	if err != nil {
		v.t.Fatal(err)
	}
	return state, true
}

// owed reports whether the state still owes the receiver something of the ping
// incident, or does not know the incident in that condition yet.
func (v *victim) owed(open bool) bool {
	state, _ := v.state()
	for _, inc := range state.Incidents {
		if inc.Series.Check != "ping" || inc.Open() != open {
			continue
		}
		for address, d := range inc.Deliveries {
			if address != incident.Documents {
				return d.Done < d.Want
			}
		}
	}
	return true
}

// A process is killed at each point of the delivery protocol, first while it opens an
// incident, then while it resolves it. The next process on the same folder brings
// what was owed. It brings it twice only where the receiver had taken it and the
// state did not say so, and then once more, with the same incident's id.
func TestKilledAtEachPoint(t *testing.T) {
	if os.Getenv("PONGWATCH_TEST_PROCESSES") == "" {
		t.Skip("set PONGWATCH_TEST_PROCESSES=1: real processes that wait in real time, half a minute")
	}
	// Not by t.Parallel, which allows as many as there are processors: these wait for
	// leases and pauses, not for a processor.
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, point := range []alert.Point{
		alert.Got, alert.Stepped, alert.Claimed, alert.Committing, alert.Committed, alert.Sending, alert.Sent, alert.Recorded,
	} {
		wg.Go(func() { t.Run(string(point), func(t *testing.T) { killed(t, point) }) })
	}
}

func killed(t *testing.T, point alert.Point) {
	slack, err := slacktest.New(slacktest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slack.Close() })
	v := &victim{t: t, redis: upstashtest.Start(t, upstashtest.Options{}), slack: slack, data: t.TempDir()}
	v.interrupted(point, true, func() { v.breakRedis(upstashtest.AuthInvalid) })
	v.interrupted(point, false, func() { v.breakRedis(upstashtest.None) })
	v.sameIncident()
}

func (v *victim) breakRedis(mode upstashtest.Mode) {
	v.t.Helper()
	if err := v.redis.Break(upstashtest.Fault{Mode: mode}); err != nil {
		v.t.Fatal(err)
	}
}

// interrupted lets change happen to a running process, which is killed at the point
// while it deals with it, and checks what its successor sends.
func (v *victim) interrupted(point alert.Point, open bool, change func()) {
	v.t.Helper()
	before := len(v.slack.Messages())
	pings := v.redis.CommandCounts()["PING"]
	armed, ended, _ := v.start(point)
	wait(v.t, time.Minute, "the first ping", func() bool { return v.redis.CommandCounts()["PING"] > pings || !open })
	change()
	if err := os.WriteFile(armed, nil, 0o600); err != nil {
		v.t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		v.t.Fatalf("the process did not reach %q", point)
	}
	taken := len(v.slack.Messages()) - before
	want := taken
	if v.owed(open) {
		want++
	}
	if taken > 1 {
		v.t.Errorf("%d messages before the kill, want at most one", taken)
	}

	killed := time.Now()
	_, _, interrupt := v.start("")
	// Leases last 90 s, but the dead process' are void: its file is free.
	wait(v.t, time.Minute, fmt.Sprintf("%d messages", want), func() bool { return len(v.slack.Messages())-before >= want })
	// A message too many would come with the next runs.
	wait(v.t, time.Minute, "a few runs more", func() bool { return time.Since(killed) > 6*time.Second })
	interrupt() // which lets what is being sent be recorded
	if got := len(v.slack.Messages()) - before; got != want {
		v.t.Errorf("killed at %q with %d messages taken: %d in all, want %d", point, taken, got, want)
	}
	if v.owed(open) {
		v.t.Errorf("killed at %q: the next process has delivered and not recorded it", point)
	}
}

var incidentID = regexp.MustCompile(`INC-[0-9A-Z]{6}`)

// sameIncident checks that all messages speak of one incident.
func (v *victim) sameIncident() {
	v.t.Helper()
	ids := map[string]bool{}
	for _, m := range v.slack.Messages() {
		id := incidentID.FindString(m.Text + string(m.Blocks))
		if id == "" {
			v.t.Errorf("a message without an incident's id: %s", m.Text)
		}
		ids[id] = true
	}
	if len(ids) != 1 {
		v.t.Errorf("messages of incidents %v, want one", slices.Sorted(maps.Keys(ids)))
	}
}
