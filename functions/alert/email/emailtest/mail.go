package emailtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"time"
)

// Mail is one accepted message.
type Mail struct {
	// From and To are the envelope's.
	From string   `json:"from"`
	To   []string `json:"to"`
	// Subject is decoded; Header holds the headers as sent.
	Subject string      `json:"subject"`
	Header  mail.Header `json:"header"`
	Text    string      `json:"text"`
	HTML    string      `json:"html,omitempty"`
	At      time.Time   `json:"at"`
	// Raw is the message as it went over the wire.
	Raw []byte `json:"-"`
}

// parse reads a mail of several parts, of which none has parts itself.
func parse(raw []byte) (Mail, error) {
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Mail{}, err
	}
	m := Mail{Header: msg.Header, Raw: raw}
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		return Mail{}, fmt.Errorf("subject: %w", err)
	}
	_, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		return Mail{}, fmt.Errorf("content type: %w", err)
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	for {
		p, err := parts.NextPart() // undoes quoted-printable
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return Mail{}, err
		}
		content, err := io.ReadAll(p)
		if err != nil {
			return Mail{}, err
		}
		text := strings.ReplaceAll(string(content), "\r\n", "\n")
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			m.HTML = text
		} else {
			m.Text = text
		}
	}
}
