package firestore_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pongwatch/pongwatch/shared/gcp/firestore"
	"github.com/pongwatch/pongwatch/shared/store"
)

// failing is a Firestore that answers every call with a code.
type failing struct {
	firestorepb.UnimplementedFirestoreServer
	code          codes.Code
	gets, commits atomic.Int32
}

func (f *failing) GetDocument(context.Context, *firestorepb.GetDocumentRequest) (*firestorepb.Document, error) {
	if f.gets.Add(1) > 2 {
		return nil, status.Error(codes.NotFound, "nothing")
	}
	return nil, status.Error(f.code, "injected")
}

func (f *failing) Commit(context.Context, *firestorepb.CommitRequest) (*firestorepb.CommitResponse, error) {
	f.commits.Add(1)
	return nil, status.Error(f.code, "injected")
}

func serve(t *testing.T, fake firestorepb.FirestoreServer) *firestore.Store {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	firestorepb.RegisterFirestoreServer(server, fake)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	s, err := firestore.New(t.Context(), firestore.Options{Project: "p", EmulatorHost: listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestAPutIsNeverRepeated(t *testing.T) {
	fake := &failing{code: codes.Unavailable}
	_, err := serve(t, fake).Put(t.Context(), store.Doc{Key: "state/v1/main"})
	if err == nil || errors.Is(err, store.ErrConflict) {
		t.Errorf("Put: %v, want the outage's own error", err)
	}
	if got := fake.commits.Load(); got != 1 {
		t.Errorf("%d commits were sent, want 1", got)
	}
}

func TestAReadIsRepeated(t *testing.T) {
	fake := &failing{code: codes.Unavailable}
	if _, err := serve(t, fake).Get(t.Context(), "state/v1/main"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get: %v, want the third answer", err)
	}
}

func TestConflictsByCode(t *testing.T) {
	for _, code := range []codes.Code{codes.FailedPrecondition, codes.NotFound, codes.Aborted, codes.AlreadyExists} {
		_, err := serve(t, &failing{code: code}).Put(t.Context(), store.Doc{Key: "state/v1/main", Version: "2026-11-22T20:00:00.000001Z#1"})
		if !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: %v, want ErrConflict", code, err)
		}
	}
}

func TestAVersionOfAnotherStoreIsAConflict(t *testing.T) {
	for _, version := range []string{"7", "x#1", "2026-11-22T20:00:00Z", "2026-11-22T20:00:00Z#x"} {
		_, err := serve(t, &failing{}).Put(t.Context(), store.Doc{Key: "state/v1/main", Version: version})
		if !errors.Is(err, store.ErrConflict) {
			t.Errorf("%q: %v, want ErrConflict", version, err)
		}
	}
}

func TestNewRefusesBadOptions(t *testing.T) {
	tests := []struct {
		name    string
		options firestore.Options
		problem string
	}{
		{"no project", firestore.Options{}, "project"},
		{"a path as project", firestore.Options{Project: "projects/p"}, "project"},
		{"a path as database", firestore.Options{Project: "p", Database: "a/b"}, "database"},
		{"an emulator elsewhere", firestore.Options{Project: "p", EmulatorHost: "203.0.113.7:8080"}, firestore.EmulatorVariable},
	}
	for _, tt := range tests {
		if _, err := firestore.New(t.Context(), tt.options); err == nil || !strings.Contains(err.Error(), tt.problem) {
			t.Errorf("%s: error %v, want one that names %q", tt.name, err, tt.problem)
		}
	}
}
