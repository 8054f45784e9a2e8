package packed_test

import (
	"compress/gzip"
	"errors"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/shared/report/packed"
)

func TestValuesComeBackWithinTheirBound(t *testing.T) {
	const most = 1000
	for _, tt := range []struct {
		name     string
		text     string
		tooLarge bool
	}{
		{"nothing", "", false},
		{"as much as fits", strings.Repeat("x", most-len(`""`+"\n")), false},
		{"more than that", strings.Repeat("x", most-len(`""`)), true},
	} {
		data, err := packed.Encode(tt.text, gzip.BestSpeed, most)
		if errors.Is(err, packed.ErrTooLarge) != tt.tooLarge || err == nil == tt.tooLarge {
			t.Errorf("%s: encoded with %v", tt.name, err)
		}
		if tt.tooLarge {
			if data, err = packed.Encode(tt.text, gzip.BestSpeed, 2*most); err != nil {
				t.Fatal(err)
			}
		}
		var got string
		err = packed.Decode(data, &got, most)
		if errors.Is(err, packed.ErrTooLarge) != tt.tooLarge || !tt.tooLarge && (err != nil || got != tt.text) {
			t.Errorf("%s: decoded %d bytes, %v", tt.name, len(got), err)
		}
	}
}

func TestWhatIsNoGzipOverJSONIsAnError(t *testing.T) {
	whole, err := packed.Encode("a text", gzip.BestSpeed, 100)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"nothing": nil, "plain text": []byte("hello"), "a cut": whole[:len(whole)-6]} {
		if err := packed.Decode(data, new(string), 100); err == nil || !strings.HasPrefix(err.Error(), "decompressing: ") {
			t.Errorf("%s: %v, want a failure of decompressing", name, err)
		}
	}
	if err := packed.Decode(whole, new(int), 100); err == nil || !strings.HasPrefix(err.Error(), "decoding: ") {
		t.Errorf("a text as a number: %v, want a failure of decoding", err)
	}
	if _, err := packed.Encode(func() {}, gzip.BestSpeed, 100); err == nil || !strings.HasPrefix(err.Error(), "encoding: ") {
		t.Errorf("a function: %v, want a failure of encoding", err)
	}
}
