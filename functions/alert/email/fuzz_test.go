package email

import (
	"bytes"
	"io"
	"mime"
	"net/mail"
	"slices"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// FuzzCompose makes mails of whatever texts. Each is one mail to its one recipient, with the
// headers that are meant and no others, and its subject is one line that hides nothing.
func FuzzCompose(f *testing.F) {
	for _, s := range [][2]string{
		{"prod-cache down", "HTTP 401: WRONGPASS"},
		{"x\r\nBcc: evil@example.com", "a\r\n.\r\nMAIL FROM:<x>"},
		{"=?utf-8?q?all_is_well?=", "é\u202e"},
		{strings.Repeat("ä", 2000), "</html><script>"},
		{"\x00\x1b[31m", "{{.}} %s"},
		{"a\n\n\nb", "--\r\nboundary"},
		{"=?utf-8?b?QmNjOiBl?= \u2028 x", messagetest.Hostile},
	} {
		f.Add(s[0], s[1])
	}
	r, err := New(Options{Name: "m", Host: "smtp.example.com", From: "pongwatch <alerts@example.com>", To: "Alice <alice@example.com>"})
	if err != nil {
		f.Fatal(err)
	}
	known := []string{
		"Auto-Submitted", "Content-Type", "Date", "From", "Importance", "In-Reply-To", "Message-Id", "Mime-Version", "Priority", "References", "Subject", "To", "X-Auto-Response-Suppress", "X-Msmail-Priority",
		"X-Pongwatch-Incident", "X-Priority",
	}
	f.Fuzz(func(t *testing.T, subject, said string) {
		subject, said = report.CutEvidence(subject), report.CutEvidence(said) // as every door does
		n := messagetest.Notice(incident.Opened, cause.AuthInvalid)
		n.Incident.Observation.Evidence, n.Incident.Series.Subject = said, said
		m := message.Render(n, messagetest.Context())
		m.Subject, m.News = subject, said
		msg, err := r.compose(m, "1@example.com", message.Ref{})
		if err != nil {
			return // a mail that cannot be made is refused, and said so
		}
		var raw bytes.Buffer
		if _, err := msg.WriteTo(&raw); err != nil {
			t.Fatal(err)
		}
		got, err := mail.ReadMessage(&raw)
		if err != nil {
			t.Fatalf("%q makes no mail: %v", subject, err)
		}
		for name, values := range got.Header {
			if !slices.Contains(known, name) || len(values) != 1 {
				t.Errorf("%q makes the header %s: %q", subject, name, values)
			}
		}
		decoded, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
		if err != nil || strings.ContainsAny(decoded, "\r\n\x00\x1b\u202e") || strings.Contains(decoded, "=?") {
			t.Errorf("%q is the subject %q, %v", subject, decoded, err)
		}
		if to, err := got.Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != "alice@example.com" {
			t.Errorf("%q is sent to %v, %v", subject, to, err)
		}
		if _, err := io.Copy(io.Discard, got.Body); err != nil {
			t.Errorf("%q: the body cannot be read: %v", said, err)
		}
	})
}
