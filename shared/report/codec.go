package report

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/pongwatch/pongwatch/shared/report/packed"
	"github.com/pongwatch/pongwatch/shared/text"
)

// version is the version of the message format that this code writes. A reader
// understands its own and older ones: additions do not raise it.
const version = 1

// Kind says what a message carries.
type Kind string

// The kinds. A tick has no body: its time is when it was published.
const (
	KindReport  Kind = "report"
	KindTick    Kind = "tick"
	KindCommand Kind = "command"
	KindSignal  Kind = "signal"
)

// The attributes of a message. They let Pub/Sub filter and a reader refuse
// before anything is decompressed.
const (
	AttributeKind    = "kind"
	attributeVersion = "v"
	attributeShard   = "shard"
)

const (
	// MaxPublished is the largest message, in bytes after compression, that a
	// Publisher accepts. 250 databases with 12 failing checks each need a tenth of it.
	MaxPublished = 1 << 20
	// MaxEvidence is the largest evidence in bytes; longer text is cut at a rune.
	MaxEvidence = 300
	// MaxSilence is the longest silence: a forgotten one must end by itself.
	MaxSilence = 24 * time.Hour
)

// maxDecoded bounds what a compressed message may expand to.
const maxDecoded = 16 << 20

// Errors that a reader acts on.
var (
	// ErrTooLarge says that a message exceeds MaxPublished or expands too far.
	ErrTooLarge = errors.New("message too large")
	// ErrNewer says that the message was written by a newer version.
	ErrNewer = errors.New("message of a newer version")
	// ErrMalformed says that no retry will make the message readable.
	ErrMalformed = errors.New("malformed message")
)

// Message is what travels over a topic.
type Message struct {
	Data       []byte
	Attributes map[string]string
}

// Publisher publishes to one topic. Publish returns when the message is stored
// durably or has failed; after an error it may have been published all the same.
type Publisher interface {
	Publish(ctx context.Context, m Message) error
}

// body is what a message carries.
type body interface {
	Report | Command | Signal
	describe() (kind Kind, shard string)
	validate() error
}

// Encode makes the message of a Report, Command or Signal, or refuses what its
// reader would refuse.
func Encode[T body](b T) (Message, error) {
	kind, shard := b.describe()
	if err := b.validate(); err != nil {
		return Message{}, err
	}
	// The fastest level still shrinks JSON this repetitive more than tenfold (BenchmarkEncode).
	data, err := packed.Encode(b, gzip.BestSpeed, maxDecoded)
	switch {
	case errors.Is(err, packed.ErrTooLarge):
		return Message{}, fmt.Errorf("encoding %s: %w: %w", kind, err, ErrTooLarge)
	case err != nil:
		return Message{}, fmt.Errorf("encoding %s: %w", kind, err)
	case len(data) > MaxPublished:
		return Message{}, fmt.Errorf("encoding %s: %d bytes, want at most %d: %w", kind, len(data), MaxPublished, ErrTooLarge)
	}
	return Message{Data: data, Attributes: attributes(kind, shard)}, nil
}

// Tick makes the message that lets time pass for Alert.
func Tick() Message { return Message{Attributes: attributes(KindTick, "")} }

func attributes(kind Kind, shard string) map[string]string {
	a := map[string]string{attributeVersion: strconv.Itoa(version), AttributeKind: string(kind)}
	if shard != "" {
		a[attributeShard] = shard
	}
	return a
}

// Decoded is a message read back: exactly one of the pointers is set, none for a
// tick.
type Decoded struct {
	Kind Kind
	// Published is when the message was published, as the transport says.
	Published time.Time
	Report    *Report
	Command   *Command
	Signal    *Signal
}

// Decode reads a message. Its error is ErrNewer, ErrMalformed or ErrTooLarge.
func Decode(m Message, published time.Time) (Decoded, error) {
	d := Decoded{Kind: Kind(m.Attributes[AttributeKind]), Published: published}
	if d.Kind == KindTick {
		return d, nil
	}
	v, err := strconv.Atoi(m.Attributes[attributeVersion])
	if err != nil || v < 1 {
		return d, fmt.Errorf("attribute %s is %q, want a number such as %d: %w", attributeVersion, m.Attributes[attributeVersion], version, ErrMalformed)
	}
	if v > version {
		return d, fmt.Errorf("%s of version %d, this code reads up to %d: %w", d.Kind, v, version, ErrNewer)
	}
	switch d.Kind {
	case KindReport:
		d.Report, err = unpack[Report](m.Data)
	case KindCommand:
		d.Command, err = unpack[Command](m.Data)
	case KindSignal:
		d.Signal, err = unpack[Signal](m.Data)
	default:
		return d, fmt.Errorf("attribute %s is %q, want report, tick, command or signal: %w", AttributeKind, d.Kind, ErrMalformed)
	}
	return d, err
}

func unpack[T body](data []byte) (*T, error) {
	b := new(T)
	switch err := packed.Decode(data, b, maxDecoded); {
	case errors.Is(err, packed.ErrTooLarge):
		return nil, fmt.Errorf("%w: %w", err, ErrTooLarge)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", err, ErrMalformed)
	}
	text.Outside(b, MaxEvidence)
	if err := (*b).validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrMalformed)
	}
	return b, nil
}
