// Package packed writes values as gzip over JSON, and reads them back within a bound: messages,
// documents of history and Alert's state.
package packed

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrTooLarge says that a text has more bytes than its bound.
var ErrTooLarge = errors.New("too large")

// Encode returns v as JSON, compressed at that level of gzip. It refuses a text of more than most
// bytes, which Decode would not read.
func Encode(v any, level, most int) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	if text = append(text, '\n'); len(text) > most {
		return nil, fmt.Errorf("encoding: %d bytes, at most %d fit: %w", len(text), most, ErrTooLarge)
	}
	var out bytes.Buffer
	zw, err := gzip.NewWriterLevel(&out, level)
	if err == nil {
		_, err = zw.Write(text)
	}
	if err == nil {
		err = zw.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("compressing: %w", err)
	}
	return out.Bytes(), nil
}

// Decode reads what Encode made into v, a pointer. The text may have at most so many bytes.
func Decode(data []byte, v any, most int) error {
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("decompressing: %w", err)
	}
	// The data ends with the size of the text, so that the buffer need not grow.
	var text bytes.Buffer
	text.Grow(int(min(binary.LittleEndian.Uint32(data[len(data)-4:]), uint32(most))) + bytes.MinRead)
	if _, err := text.ReadFrom(io.LimitReader(zr, int64(most)+1)); err != nil {
		return fmt.Errorf("decompressing: %w", err)
	}
	if text.Len() > most {
		return fmt.Errorf("decompressing: more than %d bytes: %w", most, ErrTooLarge)
	}
	if err := json.Unmarshal(text.Bytes(), v); err != nil {
		return fmt.Errorf("decoding: %w", err)
	}
	return nil
}
