// Package firestore keeps documents in Google Firestore: the store.Store of the
// deployed functions.
//
// The first segment of a key is the collection, the rest joined by ':' the
// document's id. A document has four fields: "data" (bytes, to be exempt from
// indexing), "schema", "write" (a random number) and "expire_at" (a TTL policy on it removes
// what has expired, within a day or so). Its version is the time of the last write, as the
// server gave it.
//
// It uses the generated client because the high-level one repeats a write whose
// answer was lost and then reports the caller's own success as a conflict.
package firestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	vkit "cloud.google.com/go/firestore/apiv1"
	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pongwatch/pongwatch/shared/gcp/internal/client"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/store"
)

// EmulatorVariable is the environment variable by which Google's tools name the
// Firestore emulator. Here it must be on loopback.
const EmulatorVariable = "FIRESTORE_EMULATOR_HOST"

// DefaultDatabase is the id of a project's default database.
const DefaultDatabase = "(default)"

// The fields of a document; terraform names data and expire_at.
const (
	fieldData    = "data"
	fieldSchema  = "schema"
	fieldWrite   = "write"
	fieldExpires = "expire_at"
)

// timeout bounds one Get or Put, and one Range as a whole.
const (
	timeout      = 5 * time.Second
	rangeTimeout = 15 * time.Second
)

// Options say where the documents are.
type Options struct {
	Project      string           // the project's id
	Database     string           // the database's id; DefaultDatabase if empty
	EmulatorHost string           // of the emulator; empty for Google
	Now          func() time.Time // decides what has expired; time.Now if nil
}

// Store is a store.Store in one Firestore database.
type Store struct {
	client   *vkit.Client
	database string // projects/P/databases/D
	now      func() time.Time
}

var _ store.Store = (*Store)(nil)

// New returns the store with the process's Google credentials or for the emulator.
// It looks for credentials but does not connect yet.
func New(ctx context.Context, o Options) (*Store, error) {
	if o.Database == "" {
		o.Database = DefaultDatabase
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Project == "" || strings.Contains(o.Project, "/") {
		return nil, fmt.Errorf("firestore project is %q: want a project's id, such as \"my-project\"", o.Project)
	}
	if strings.Contains(o.Database, "/") {
		return nil, fmt.Errorf("firestore database is %q: want a database's id, such as %q or \"pongwatch\"", o.Database, DefaultDatabase)
	}
	options, err := client.Options(EmulatorVariable, o.EmulatorHost)
	if err != nil {
		return nil, err
	}
	options = append(options, option.WithGRPCDialOption(grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32))))
	documents, err := vkit.NewClient(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("making the Firestore client: %w", err)
	}
	reads := client.Retry(codes.Unavailable, codes.Internal, codes.ResourceExhausted)
	documents.CallOptions.GetDocument, documents.CallOptions.RunQuery = reads, reads
	documents.CallOptions.Commit = nil // never repeated, as the contract of store asks
	return &Store{
		client:   documents,
		database: "projects/" + o.Project + "/databases/" + o.Database,
		now:      o.Now,
	}, nil
}

// Close ends the store's connections.
func (s *Store) Close() error { return s.client.Close() }

// call prepares ctx for one call. Firestore routes by the header, as its own
// library sends it (cloud.google.com/go/firestore, client.go).
func (s *Store) call(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx = metadata.AppendToOutgoingContext(ctx, "google-cloud-resource-prefix", s.database)
	return context.WithTimeout(ctx, limit)
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, key string) (store.Doc, error) {
	d, err := s.get(ctx, key)
	if err == nil && d.Expired(s.now()) {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Doc{}, fmt.Errorf("getting %s: %w", key, err)
	}
	return d, nil
}

// get returns an expired document, too.
func (s *Store) get(ctx context.Context, key string) (store.Doc, error) {
	collection, id, err := store.Split(key)
	if err != nil {
		return store.Doc{}, err
	}
	ctx, cancel := s.call(ctx, timeout)
	defer cancel()
	answer, err := s.client.GetDocument(ctx, &firestorepb.GetDocumentRequest{Name: s.path(collection, id)})
	if status.Code(err) == codes.NotFound {
		return store.Doc{}, store.ErrNotFound
	}
	if err != nil {
		return store.Doc{}, outbound.Error(err)
	}
	return decode(answer)
}

// Put implements [store.Store].
func (s *Store) Put(ctx context.Context, d store.Doc) (store.Doc, error) {
	d, err := d.Prepare()
	if err != nil {
		return store.Doc{}, err
	}
	written, err := s.commit(ctx, d)
	if d.Version == "" && errors.Is(err, store.ErrConflict) {
		// Something is there. It gives way if it has expired, on its own version.
		if old, getErr := s.get(ctx, d.Key); getErr == nil && old.Expired(s.now()) {
			d.Version = old.Version
			written, err = s.commit(ctx, d)
		}
	}
	if err != nil {
		return store.Doc{}, fmt.Errorf("putting %s: %w", d.Key, err)
	}
	return written, nil
}

// commit writes d if the stored version is d.Version.
func (s *Store) commit(ctx context.Context, d store.Doc) (store.Doc, error) {
	collection, id, err := store.Split(d.Key)
	if err != nil {
		return store.Doc{}, err
	}
	precondition := &firestorepb.Precondition{ConditionType: &firestorepb.Precondition_Exists{Exists: false}}
	if d.Version != "" {
		read, err := time.Parse(time.RFC3339Nano, d.Version)
		if err != nil {
			return store.Doc{}, fmt.Errorf("%w: version %q is of another store", store.ErrConflict, d.Version)
		}
		precondition.ConditionType = &firestorepb.Precondition_UpdateTime{UpdateTime: timestamppb.New(read)}
	}
	fields := map[string]*firestorepb.Value{
		fieldData:   {ValueType: &firestorepb.Value_BytesValue{BytesValue: d.Data}},
		fieldSchema: {ValueType: &firestorepb.Value_IntegerValue{IntegerValue: int64(d.Schema)}},
		// Firestore leaves the update time alone when a write changes no field.
		fieldWrite: {ValueType: &firestorepb.Value_IntegerValue{IntegerValue: rand.Int64()}},
	}
	if !d.ExpiresAt.IsZero() {
		fields[fieldExpires] = &firestorepb.Value{ValueType: &firestorepb.Value_TimestampValue{TimestampValue: timestamppb.New(d.ExpiresAt)}}
	}
	ctx, cancel := s.call(ctx, timeout)
	defer cancel()
	answer, err := s.client.Commit(ctx, &firestorepb.CommitRequest{
		Database: s.database,
		Writes: []*firestorepb.Write{{
			Operation:       &firestorepb.Write_Update{Update: &firestorepb.Document{Name: s.path(collection, id), Fields: fields}},
			CurrentDocument: precondition,
		}},
	})
	switch status.Code(err) {
	case codes.OK:
	case codes.AlreadyExists, codes.FailedPrecondition, codes.NotFound, codes.Aborted:
		// NotFound is an update of an absent document; Aborted is contention, and
		// says that nothing was committed.
		return store.Doc{}, store.ErrConflict
	default:
		return store.Doc{}, outbound.Error(err)
	}
	if len(answer.GetWriteResults()) != 1 {
		return store.Doc{}, fmt.Errorf("firestore answered one write with %d results", len(answer.GetWriteResults()))
	}
	d.Version = version(answer.GetWriteResults()[0].GetUpdateTime())
	return d, nil
}

func version(updated *timestamppb.Timestamp) string { return updated.AsTime().Format(time.RFC3339Nano) }

// decode reads a document as it was stored.
func decode(d *firestorepb.Document) (store.Doc, error) {
	_, path, ok := strings.Cut(d.GetName(), "/documents/")
	collection, id, ok2 := strings.Cut(path, "/")
	if !ok || !ok2 {
		return store.Doc{}, fmt.Errorf("firestore answered with the document %q", d.GetName())
	}
	fields := d.GetFields()
	if _, ok := fields[fieldData].GetValueType().(*firestorepb.Value_BytesValue); !ok {
		return store.Doc{}, fmt.Errorf("document %q has no field %q of bytes: it was not written by pongwatch", path, fieldData)
	}
	out := store.Doc{
		Key:     store.Join(collection, id),
		Data:    fields[fieldData].GetBytesValue(),
		Version: version(d.GetUpdateTime()),
		Schema:  int(fields[fieldSchema].GetIntegerValue()),
	}
	if at := fields[fieldExpires].GetTimestampValue(); at != nil {
		out.ExpiresAt = at.AsTime()
	}
	return out, nil
}

// Range implements [store.Store].
func (s *Store) Range(ctx context.Context, from, to string) iter.Seq2[store.Doc, error] {
	return func(yield func(store.Doc, error) bool) {
		collection, fromID, toID, err := store.Bounds(from, to)
		if err != nil {
			yield(store.Doc{}, err)
			return
		}
		if fromID >= toID {
			return // Firestore calls it an invalid argument
		}
		ctx, cancel := s.call(ctx, rangeTimeout)
		defer cancel() // ends the stream when the caller stops early
		stream, err := s.client.RunQuery(ctx, &firestorepb.RunQueryRequest{
			Parent:    s.database + "/documents",
			QueryType: &firestorepb.RunQueryRequest_StructuredQuery{StructuredQuery: s.between(collection, fromID, toID)},
		})
		for err == nil {
			var answer *firestorepb.RunQueryResponse
			if answer, err = stream.Recv(); err != nil {
				break
			}
			if answer.GetDocument() == nil {
				continue // only progress
			}
			var d store.Doc
			if d, err = decode(answer.GetDocument()); err == nil && !d.Expired(s.now()) && !yield(d, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(store.Doc{}, fmt.Errorf("ranging from %s to %s: %w", from, to, outbound.Error(err)))
		}
	}
}

func (s *Store) between(collection, fromID, toID string) *firestorepb.StructuredQuery {
	const name = "__name__" // the document's own name, ordered by its bytes
	cursor := func(id string) *firestorepb.Cursor {
		return &firestorepb.Cursor{Before: true, Values: []*firestorepb.Value{
			{ValueType: &firestorepb.Value_ReferenceValue{ReferenceValue: s.path(collection, id)}},
		}}
	}
	return &firestorepb.StructuredQuery{
		From: []*firestorepb.StructuredQuery_CollectionSelector{{CollectionId: collection}},
		OrderBy: []*firestorepb.StructuredQuery_Order{{
			Field:     &firestorepb.StructuredQuery_FieldReference{FieldPath: name},
			Direction: firestorepb.StructuredQuery_ASCENDING,
		}},
		StartAt: cursor(fromID),
		EndAt:   cursor(toID),
	}
}

func (s *Store) path(collection, id string) string {
	return s.database + "/documents/" + collection + "/" + id
}
