package local

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// childFull is a file during whose existence a child's disk is full. childMount says that the
// child may mount a small file system over its folder; otherwise no file of it may grow.
const (
	childFull  = "PONGWATCH_CHILD_FULL"
	childMount = "PONGWATCH_CHILD_MOUNT"
	// onlyMount ends the child after mounting.
	onlyMount = "-"
)

// smallDisk mounts a small file system at the folder.
func smallDisk(data string) error {
	if err := syscall.Mount("tmpfs", data, "tmpfs", 0, "size=2m"); err != nil {
		return fmt.Errorf("mounting a small file system: %w", err)
	}
	return nil
}

// fullWhile fills the disk now, and frees it when a file is gone.
func fullWhile(path, data string, mounted bool) error {
	signal.Ignore(syscall.SIGXFSZ) // a process that ignores it gets an error
	fill, free := limitFiles, liftLimit
	if mounted {
		ballast := filepath.Join(data, "ballast")
		fill = func() error { return fillUp(ballast) }
		free = func() error { return os.Remove(ballast) }
	}
	if err := fill(); err != nil {
		return fmt.Errorf("filling the disk: %w", err)
	}
	go func() {
		for range time.Tick(20 * time.Millisecond) {
			if _, err := os.Stat(path); err == nil {
				continue
			}
			if err := free(); err != nil {
				fmt.Fprintln(os.Stderr, "freeing the disk:", err)
			}
			return
		}
	}()
	return nil
}

// fillUp writes a file until the file system is full.
func fillUp(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		if _, err = f.Write(make([]byte, size)); err != nil {
			size /= 2 // what is left may be smaller
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return nil
}

// limitFiles lets no file be written, by a limit of the kernel on their size.
func limitFiles() error { return setLimit(0) }
func liftLimit() error  { return setLimit(^uint64(0)) }

func setLimit(size uint64) error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
		return err
	}
	l.Cur = min(size, l.Max)
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l)
}

// mayMount reports whether this user may mount a file system in a namespace of their own. Some
// kernels allow it to root alone.
func mayMount(t *testing.T) bool {
	t.Helper()
	out, err := childCommand(t.TempDir(), true, childFull+"="+onlyMount).CombinedOutput()
	t.Logf("mounting a file system: %v %s", err, out)
	return err == nil
}

// While the disk is full the outage is told once, with the advice that helps a disk and the
// kernel's own error. When there is space again, that message is closed and the incident opens.
func TestFullDisk(t *testing.T) {
	if os.Getenv("PONGWATCH_TEST_PROCESSES") == "" {
		t.Skip("set PONGWATCH_TEST_PROCESSES=1: a real process on a full disk, ten seconds")
	}
	slack, err := slacktest.New(slacktest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slack.Close() })
	v := &victim{t: t, redis: upstashtest.Start(t, upstashtest.Options{}), slack: slack, data: t.TempDir()}
	full := filepath.Join(t.TempDir(), "full")
	if err := os.WriteFile(full, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	mount, why := mayMount(t), "file too large"
	if mount {
		why = "no space left on device"
	}
	// The disk is full before the first document: later bbolt writes to pages that it already has.
	v.breakRedis(upstashtest.AuthInvalid)
	ended, interrupt := v.startWith(mount, childFull+"="+full)
	text := func(i int) string {
		m := slack.Messages()[i]
		return m.Text + string(m.Blocks)
	}
	wait(t, time.Minute, "a message without a store", func() bool { return len(slack.Messages()) > 0 })
	for _, want := range []string{"store down, duplicates possible", "df -h '" + v.data + "'", why} {
		if !strings.Contains(text(0), want) {
			t.Errorf("the message lacks %q: %s", want, text(0))
		}
	}
	if strings.Contains(text(0), "Firestore") {
		t.Errorf("a message about a disk speaks of Firestore: %s", text(0))
	}
	if err := os.Remove(full); err != nil {
		t.Fatal(err)
	}
	wait(t, 60*time.Second, "the end of that message, and the incident", func() bool {
		var back, opened bool
		for i := range slack.Messages() {
			back = back || strings.Contains(text(i), "store works again")
			opened = opened || strings.Contains(text(i), "INC-")
		}
		return back && opened
	})
	select {
	case <-ended:
		t.Error("the process has ended")
	default:
	}
	interrupt()
}
