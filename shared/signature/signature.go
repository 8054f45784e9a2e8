// Package signature signs and verifies what crosses a trust border by a shared
// key: webhooks and proof requests by Standard Webhooks (Header), and the links in
// messages (Link). Time is passed in; every comparison takes constant time; an
// error says nothing that helps a forger.
package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ErrInvalid says that a signature is absent, wrong, expired or from the future.
var ErrInvalid = errors.New("signature invalid")

// Tolerance is how far a signed time may lie from now, either way. It is the
// value of the Standard Webhooks libraries, and Slack's.
const Tolerance = 5 * time.Minute

// The headers of Standard Webhooks.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Key lengths in bytes. Standard Webhooks asks for 24 to 64.
const (
	minKey = 24
	maxKey = 64
)

const keyPrefix = "whsec_"

// Key is a shared key. It prints as "[redacted]". The zero Key signs nothing and
// verifies nothing.
type Key struct{ secret []byte }

// ParseKey reads a key in the form of Standard Webhooks, "whsec_" and base64 of 24
// to 64 bytes, or takes any other text of at least 24 bytes as it is. Its error
// does not quote the text.
func ParseKey(text string) (Key, error) {
	text = strings.TrimSpace(text)
	encoded, ok := strings.CutPrefix(text, keyPrefix)
	if !ok {
		if len(text) < minKey {
			return Key{}, fmt.Errorf(`parsing key: %d bytes, want "whsec_" followed by base64 (echo "whsec_$(openssl rand -base64 32)"), or at least %d bytes of any text`, len(text), minKey)
		}
		return Key{secret: []byte(text)}, nil
	}
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return Key{}, errors.New(`parsing key: what follows "whsec_" is not base64`)
	}
	if len(secret) < minKey || len(secret) > maxKey {
		return Key{}, fmt.Errorf("parsing key: %d bytes, want %d to %d", len(secret), minKey, maxKey)
	}
	return Key{secret: secret}, nil
}

// ParseKeys reads one or more keys separated by white space: while a key is being
// rotated, the new one comes first and the old one still verifies.
func ParseKeys(text string) ([]Key, error) {
	var keys []Key
	for field := range strings.FieldsSeq(text) {
		k, err := ParseKey(field)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("parsing keys: empty")
	}
	return keys, nil
}

// IsZero reports whether k is no key.
func (k Key) IsZero() bool { return len(k.secret) == 0 }

// Format implements [fmt.Formatter] for every verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// LogValue implements [slog.LogValuer].
func (Key) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// MarshalText implements [encoding.TextMarshaler].
func (Key) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

func (k Key) sum(parts ...string) []byte {
	mac := hmac.New(sha256.New, k.secret)
	for _, p := range parts {
		_, _ = io.WriteString(mac, p)
	}
	return mac.Sum(nil)
}

// Sign adds the three headers of Standard Webhooks to h. The id identifies the
// message, the same at every try, and may hold no dot. While a key is being
// rotated both sign, so that the receiver may hold either.
func Sign(h http.Header, keys []Key, id string, at time.Time, body []byte) error {
	if len(keys) == 0 || id == "" || strings.ContainsAny(id, ".\r\n") {
		return errors.New("signing: want a key and an id without a dot")
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(keys))
	for i, k := range keys {
		if k.IsZero() {
			return errors.New("signing: a key is empty")
		}
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(k.sum(id, ".", stamp, ".", string(body)))
	}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, stamp)
	h.Set(HeaderSignature, strings.Join(signatures, " "))
	return nil
}

// Verified is what a signature vouches for besides the body.
type Verified struct {
	// ID is the sender's id of the message: the key of idempotency.
	ID string
	// At is when the message was signed, in whole seconds.
	At time.Time
}

// Verify checks a message's Standard Webhooks headers against any of the keys.
// It does not remember ids: who must not act twice keeps them.
func Verify(h http.Header, keys []Key, body []byte, now time.Time) (Verified, error) {
	id, stamp := h.Get(HeaderID), h.Get(HeaderTimestamp)
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || id == "" || len(id) > 256 || strings.Contains(id, ".") {
		return Verified{}, ErrInvalid
	}
	at := time.Unix(seconds, 0).UTC()
	if d := now.Sub(at); d > Tolerance || d < -Tolerance {
		return Verified{}, ErrInvalid
	}
	given := strings.Fields(h.Get(HeaderSignature))
	// A sender in rotation signs with two keys; more is an attempt at our CPU.
	if len(given) > 8 {
		return Verified{}, ErrInvalid
	}
	for _, k := range keys {
		if k.IsZero() {
			continue
		}
		want := k.sum(id, ".", stamp, ".", string(body))
		for _, g := range given {
			encoded, ok := strings.CutPrefix(g, "v1,")
			if !ok {
				continue
			}
			got, err := base64.StdEncoding.DecodeString(encoded)
			if err == nil && hmac.Equal(got, want) {
				return Verified{ID: id, At: at}, nil
			}
		}
	}
	return Verified{}, ErrInvalid
}
