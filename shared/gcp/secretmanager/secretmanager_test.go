package secretmanager_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pongwatch/pongwatch/internal/texttest"
	"github.com/pongwatch/pongwatch/shared/gcp/secretmanager"
	"github.com/pongwatch/pongwatch/shared/gcp/secretmanager/secretmanagertest"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

const (
	name   = "projects/p/secrets/token"
	canary = "c4nary-S3cret"
)

func start(t *testing.T) (*secretmanagertest.Server, *secretmanager.Source) {
	t.Helper()
	server, err := secretmanagertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	source, err := secretmanager.New(t.Context(), server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := source.Close(); err != nil {
			t.Error(err)
		}
	})
	return server, source
}

func TestAccess(t *testing.T) {
	server, source := start(t)
	server.AddVersion(name, []byte("one"))
	server.AddVersion(name, []byte("two"))
	for version, want := range map[string]secrets.Secret{
		"latest": {Data: []byte("two"), Version: "2"},
		"1":      {Data: []byte("one"), Version: "1"},
	} {
		got, err := source.Access(t.Context(), name+"/versions/"+version)
		if err != nil || !bytes.Equal(got.Data, want.Data) || got.Version != want.Version {
			t.Errorf("%s: got %q, version %s, %v; want %q, version %s", version, got.Data, got.Version, err, want.Data, want.Version)
		}
	}
}

func TestErrorsSayTheReasonAndNothingElse(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(s *secretmanagertest.Server)
		version string
		want    error
	}{
		{"an unknown version is not found", func(*secretmanagertest.Server) {}, "9", secrets.ErrNotFound},
		{"a disabled newest version breaks latest", func(s *secretmanagertest.Server) { s.Disable(name, 1) }, "latest", secrets.ErrDisabled},
		{"a wrong checksum is damage", func(s *secretmanagertest.Server) { s.SetCorrupt(true) }, "latest", secrets.ErrCorrupt},
		{"a missing role is denied", func(s *secretmanagertest.Server) {
			s.SetFault(func(string) error { return status.Error(codes.PermissionDenied, "Permission denied.") })
		}, "latest", secrets.ErrDenied},
		{"an unexpected answer has no sentinel", func(s *secretmanagertest.Server) {
			s.SetFault(func(string) error { return status.Error(codes.InvalidArgument, "bad name") })
		}, "latest", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, source := start(t)
			server.AddVersion(name, []byte(canary))
			tt.prepare(server)
			_, err := source.Access(t.Context(), name+"/versions/"+tt.version)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error holds the secret: %v", err)
			}
		})
	}
}

func TestEachCodeOfTheServer(t *testing.T) {
	tests := map[codes.Code]error{
		codes.PermissionDenied: secrets.ErrDenied, codes.Unauthenticated: secrets.ErrDenied, codes.NotFound: secrets.ErrNotFound,
		codes.FailedPrecondition: secrets.ErrDisabled, codes.Aborted: secrets.ErrUnavailable, codes.Canceled: secrets.ErrUnavailable,
		codes.DeadlineExceeded: secrets.ErrUnavailable,
	}
	for code, want := range tests {
		for length, cut := range map[int]bool{300: false, 301: true} {
			server, source := start(t)
			server.SetFault(func(string) error { return status.Error(code, "\x1b\u202e\n"+strings.Repeat("x", length)) })
			_, err := source.Access(t.Context(), name+"/versions/latest")
			if why := texttest.Unfit(err.Error(), 1<<10); why != "" {
				t.Errorf("%v: %s: %q", code, why, err)
			}
			if !errors.Is(err, want) {
				t.Fatalf("%v: error %v, want %v", code, err, want)
			}
			if !strings.Contains(err.Error(), strings.Repeat("x", 299)) || strings.Contains(err.Error(), "…") != cut {
				t.Errorf("%v: a text of %d characters became %v", code, length, err)
			}
		}
	}
}

func TestABlipIsRepeatedQuickly(t *testing.T) {
	server, source := start(t)
	server.AddVersion(name, []byte("one"))
	server.SetFault(func(string) error {
		if server.Accesses(name) < 3 {
			return status.Error(codes.Unavailable, "try again")
		}
		return nil
	})
	began := time.Now()
	if _, err := source.Access(t.Context(), name+"/versions/latest"); err != nil {
		t.Fatal(err)
	}
	// The library's own repetition would wait seconds.
	if took := time.Since(began); took > time.Second || server.Accesses(name) != 3 {
		t.Errorf("%d accesses took %v", server.Accesses(name), took)
	}
}

func TestAnOutageEndsWithTheCallersDeadline(t *testing.T) {
	server, source := start(t)
	server.SetFault(func(string) error { return status.Error(codes.Unavailable, "down") })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := source.Access(ctx, name+"/versions/latest"); !errors.Is(err, secrets.ErrUnavailable) {
		t.Errorf("error %v, want ErrUnavailable", err)
	}
}

func TestOnlyAnEmulatorOnLoopbackIsAccepted(t *testing.T) {
	_, err := secretmanager.New(t.Context(), "203.0.113.7:443")
	if err == nil || !strings.Contains(err.Error(), secretmanager.EmulatorVariable) {
		t.Errorf("error %v, want one that names the variable", err)
	}
}

func TestTheLibrarysDebugLogHoldsNoSecret(t *testing.T) {
	t.Setenv("GOOGLE_SDK_GO_LOGGING_LEVEL", "debug")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = w, w
	server, source := start(t)
	server.AddVersion(name, []byte(canary))
	_, err = source.Access(t.Context(), name+"/versions/latest")
	os.Stdout, os.Stderr = stdout, stderr
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	logged, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if len(logged) > 0 {
		t.Errorf("the library logged %s", logged)
	}
}

func TestThroughTheCacheARefusedTokenIsReadAgain(t *testing.T) {
	server, source := start(t)
	server.AddVersion(name, []byte("old\n"))
	now := time.Now()
	cache := secrets.NewCache(source.Access, func() time.Time { return now })
	ref, err := secrets.ParseRef("sm://" + name)
	if err != nil {
		t.Fatal(err)
	}
	first, err := cache.Get(t.Context(), ref)
	if err != nil || first.Value.Reveal() != "old" {
		t.Fatalf("got version %s, %v", first.Version, err)
	}
	server.AddVersion(name, []byte("new\n"))
	now = now.Add(time.Minute)
	second, err := cache.Refresh(t.Context(), ref)
	if err != nil || second.Value.Reveal() != "new" || second.Version != "2" {
		t.Errorf("got version %s, %v", second.Version, err)
	}
}

// When a version was added is read without its content, and of a disabled one as well.
func TestNewest(t *testing.T) {
	server, source := start(t)
	server.AddVersion(name, []byte("one"))
	server.AddVersion(name, []byte("two"))
	at := time.Date(2026, 11, 22, 18, 18, 0, 0, time.UTC)
	server.SetAdded(name, at)
	server.Disable(name, 2)
	version, added, err := source.Newest(t.Context(), name)
	if err != nil || version != "2" || !added.Equal(at) || server.Accesses(name) != 0 {
		t.Errorf("version %s of %v, %v, after %d accesses", version, added, err, server.Accesses(name))
	}
	if _, _, err := source.Newest(t.Context(), name+"-2"); !errors.Is(err, secrets.ErrNotFound) {
		t.Errorf("a secret that is none: %v", err)
	}
	server.SetFault(func(string) error { return status.Error(codes.PermissionDenied, "Permission denied.") })
	if _, _, err := source.Newest(t.Context(), name); !errors.Is(err, secrets.ErrDenied) || !strings.Contains(err.Error(), "roles/secretmanager.viewer") {
		t.Errorf("%v, want one that names the role", err)
	}
}
