package firestore

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pongwatch/pongwatch/shared/store"
)

// The fields of a document; terraform names data and expire_at.
const (
	fieldData    = "data"
	fieldSchema  = "schema"
	fieldCounter = "counter"
	fieldExpires = "expire_at"
)

// version is what store.Doc's opaque Version holds here: the time of the last write
// as the server gave it, and how many writes there were. Its zero value is absence.
type version struct {
	updated time.Time
	counter int64
}

func (v version) String() string {
	return v.updated.UTC().Format(time.RFC3339Nano) + "#" + strconv.FormatInt(v.counter, 10)
}

func parseVersion(s string) (version, error) {
	if s == "" {
		return version{}, nil
	}
	updated, counter, _ := strings.Cut(s, "#")
	t, err := time.Parse(time.RFC3339Nano, updated)
	n, err2 := strconv.ParseInt(counter, 10, 64)
	if err != nil || err2 != nil {
		return version{}, fmt.Errorf("%w: version %q is of another store", store.ErrConflict, s)
	}
	return version{updated: t, counter: n}, nil
}

func (v version) precondition() *firestorepb.Precondition {
	if v == (version{}) {
		return &firestorepb.Precondition{ConditionType: &firestorepb.Precondition_Exists{Exists: false}}
	}
	return &firestorepb.Precondition{ConditionType: &firestorepb.Precondition_UpdateTime{UpdateTime: timestamppb.New(v.updated)}}
}

func encode(path string, d store.Doc, counter int64) *firestorepb.Document {
	data := d.Data
	if data == nil {
		data = []byte{}
	}
	fields := map[string]*firestorepb.Value{
		fieldData:    {ValueType: &firestorepb.Value_BytesValue{BytesValue: data}},
		fieldSchema:  {ValueType: &firestorepb.Value_IntegerValue{IntegerValue: int64(d.Schema)}},
		fieldCounter: {ValueType: &firestorepb.Value_IntegerValue{IntegerValue: counter}},
	}
	if !d.ExpiresAt.IsZero() {
		fields[fieldExpires] = &firestorepb.Value{ValueType: &firestorepb.Value_TimestampValue{TimestampValue: timestamppb.New(d.ExpiresAt)}}
	}
	return &firestorepb.Document{Name: path, Fields: fields}
}

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
	v := version{updated: d.GetUpdateTime().AsTime(), counter: fields[fieldCounter].GetIntegerValue()}
	out := store.Doc{
		Key:     store.Join(collection, id),
		Data:    fields[fieldData].GetBytesValue(),
		Version: v.String(),
		Schema:  int(fields[fieldSchema].GetIntegerValue()),
	}
	if at := fields[fieldExpires].GetTimestampValue(); at != nil {
		out.ExpiresAt = at.AsTime()
	}
	return out, nil
}
