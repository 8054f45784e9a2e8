package outbound_test

import (
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/internal/texttest"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// Whatever another side says, its words fit into one line of a terminal, a header or a log.
func TestNoWordsOfAnotherSideAreLeftAsTheyCame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		said := texttest.Hostile(t, "said")
		for what, shown := range map[string]string{
			"redacted":    outbound.Redact(said),
			"error":       outbound.Error(errors.New(said)).Error(),
			"URL's error": outbound.Error(&url.Error{Op: "Get", URL: "https://example.com/path", Err: errors.New(said)}).Error(),
		} {
			if why := texttest.Unfit(shown, 4<<10); why != "" {
				t.Errorf("%s: %s: %.200q", what, why, shown)
			}
		}
	})
}

// A mark that nobody sees does not hide a secret, and an error keeps what it wraps.
func TestTheDoorHidesSecretsAllTheSame(t *testing.T) {
	got := outbound.Redact("xoxb-1\u200b234567-abc\nand s3cret  =?word", secrets.New("s3cret  =?word"))
	if strings.Contains(got, "234567") || strings.Contains(got, "word") {
		t.Errorf("%q holds a secret", got)
	}
	if err := outbound.Error(&url.Error{Op: "Get", URL: "https://example.com", Err: io.ErrUnexpectedEOF}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v does not wrap what happened", err)
	}
}
