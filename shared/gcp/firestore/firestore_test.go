package firestore_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

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
		_, err := serve(t, &failing{code: code}).Put(t.Context(), store.Doc{Key: "state/v1/main", Version: "2026-11-22T20:00:00.000001Z"})
		if !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: %v, want ErrConflict", code, err)
		}
	}
}

func TestAVersionOfAnotherStoreIsAConflict(t *testing.T) {
	for _, version := range []string{"7", "x#1", "2026-11-22T20:00:00Z#1"} {
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

// scripted is a Firestore with one answer of each kind.
type scripted struct {
	firestorepb.UnimplementedFirestoreServer
	document  *firestorepb.Document
	results   int        // of the second commit; the first one is refused
	rangeCode codes.Code // ends a query after its document
	writes    []*firestorepb.Write
}

func (s *scripted) GetDocument(context.Context, *firestorepb.GetDocumentRequest) (*firestorepb.Document, error) {
	return s.document, nil
}

func (s *scripted) Commit(_ context.Context, r *firestorepb.CommitRequest) (*firestorepb.CommitResponse, error) {
	s.writes = append(s.writes, r.GetWrites()...)
	if len(s.writes) == 1 {
		return nil, status.Error(codes.AlreadyExists, "injected")
	}
	answer := &firestorepb.CommitResponse{}
	for range s.results {
		answer.WriteResults = append(answer.WriteResults, &firestorepb.WriteResult{UpdateTime: timestamppb.New(updated.Add(time.Second))})
	}
	return answer, nil
}

func (s *scripted) RunQuery(_ *firestorepb.RunQueryRequest, stream firestorepb.Firestore_RunQueryServer) error {
	for _, answer := range []*firestorepb.RunQueryResponse{{}, {Document: s.document}} {
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
	if s.rangeCode == codes.OK {
		return nil
	}
	return status.Error(s.rangeCode, "injected")
}

var updated = time.Date(2026, 11, 22, 20, 0, 0, 1000, time.UTC)

func stored(fields map[string]*firestorepb.Value) *firestorepb.Document {
	return &firestorepb.Document{Name: "projects/p/databases/(default)/documents/state/v1:main", Fields: fields, UpdateTime: timestamppb.New(updated)}
}

func fields(expires time.Time) map[string]*firestorepb.Value {
	return map[string]*firestorepb.Value{
		"data":      {ValueType: &firestorepb.Value_BytesValue{BytesValue: []byte("old")}},
		"schema":    {ValueType: &firestorepb.Value_IntegerValue{IntegerValue: 3}},
		"write":     {ValueType: &firestorepb.Value_IntegerValue{IntegerValue: 7}},
		"expire_at": {ValueType: &firestorepb.Value_TimestampValue{TimestampValue: timestamppb.New(expires)}},
	}
}

func TestAnExpiredDocumentGivesWayOnItsOwnVersion(t *testing.T) {
	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	for _, tt := range []struct {
		name    string
		expires time.Time
		version string
		results int
		wantErr string
		commits int
	}{
		{"an expired one is replaced", past, "", 1, "", 2},
		{"one that has not expired stays", future, "", 1, store.ErrConflict.Error(), 1},
		{"a writer who knows a version loses", past, "2026-11-22T20:00:00Z", 1, store.ErrConflict.Error(), 1},
		{"an answer without a result is no success", past, "", 0, "0 results", 2},
		{"an answer with two results is no success", past, "", 2, "2 results", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fake := &scripted{document: stored(fields(tt.expires)), results: tt.results}
			written, err := serve(t, fake).Put(t.Context(), store.Doc{Key: "state/v1/main", Data: []byte("new"), Schema: 4, Version: tt.version})
			if len(fake.writes) != tt.commits {
				t.Fatalf("%d commits, want %d", len(fake.writes), tt.commits)
			}
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), "putting state/v1/main: ") || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("Put: %v, want an error with %q", err, tt.wantErr)
				}
				return
			}
			if want := updated.Add(time.Second).Format(time.RFC3339Nano); err != nil || written.Version != want {
				t.Errorf("Put: version %q, %v; want %q", written.Version, err, want)
			}
			if first := fake.writes[0].GetCurrentDocument(); first.GetConditionType() == nil || first.GetExists() {
				t.Errorf("the first write wants %v, want absence", first)
			}
			if second := fake.writes[1].GetCurrentDocument().GetUpdateTime().AsTime(); !second.Equal(updated) {
				t.Errorf("the second write wants the version of %s, want %s", second, updated)
			}
			got := fake.writes[1].GetUpdate().GetFields()
			if string(got["data"].GetBytesValue()) != "new" || got["schema"].GetIntegerValue() != 4 || got["write"].GetIntegerValue() == fake.writes[0].GetUpdate().GetFields()["write"].GetIntegerValue() {
				t.Errorf("the second write holds %v", got)
			}
			if _, ok := got["expire_at"]; ok {
				t.Error("a document that never expires has an expiry")
			}
		})
	}
}

func TestADocumentOfAnotherWriterIsAnError(t *testing.T) {
	textual := map[string]*firestorepb.Value{"data": {ValueType: &firestorepb.Value_StringValue{StringValue: "text"}}}
	nameless := stored(fields(time.Now().Add(time.Hour)))
	nameless.Name = "nothing"
	for name, document := range map[string]*firestorepb.Document{"no fields": stored(nil), "data that is text": stored(textual), "no path": nameless} {
		s := serve(t, &scripted{document: document})
		if d, err := s.Get(t.Context(), "state/v1/main"); err == nil || errors.Is(err, store.ErrNotFound) || d.Key != "" {
			t.Errorf("%s: Get = %+v, %v; want an error", name, d, err)
		}
		for d, err := range s.Range(t.Context(), "state/v1/", "state/v1/~") {
			if err == nil {
				t.Errorf("%s: Range yields %+v, want an error", name, d)
			}
		}
	}
}

func TestARangeThatBreaksOffIsAnError(t *testing.T) {
	for _, code := range []codes.Code{codes.OK, codes.PermissionDenied} {
		docs, failed := 0, 0
		s := serve(t, &scripted{document: stored(fields(time.Now().Add(time.Hour))), rangeCode: code})
		for d, err := range s.Range(t.Context(), "state/v1/", "state/v1/~") {
			if err != nil {
				failed++
				if !strings.Contains(err.Error(), "ranging from state/v1/ to state/v1/~: ") {
					t.Errorf("%s: error %v, want one that names the bounds", code, err)
				}
				continue
			}
			if docs++; d.Key != "state/v1/main" || string(d.Data) != "old" || d.Schema != 3 {
				t.Errorf("%s: document %+v", code, d)
			}
		}
		if want := map[bool]int{true: 0, false: 1}[code == codes.OK]; docs != 1 || failed != want {
			t.Errorf("%s: %d documents and %d errors, want 1 and %d", code, docs, failed, want)
		}
	}
}
