package emailtest_test

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/email/emailtest"
)

func start(t *testing.T, o emailtest.Options) *emailtest.Server {
	t.Helper()
	s, err := emailtest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return s
}

// send speaks SMTP as any other client would, with another library than the receiver's.
func send(t *testing.T, s *emailtest.Server, password, text string) error {
	t.Helper()
	c, err := smtp.DialStartTLS(s.Addr(), &tls.Config{RootCAs: s.RootCAs(), ServerName: s.Host()})
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Auth(sasl.NewPlainClient("", s.Username(), password)); err != nil {
		return err
	}
	return c.SendMail("monitor@example.com", []string{"alice@example.com"}, strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n")))
}

const letter = `From: "pongwatch" <monitor@example.com>
To: alice@example.com
Subject: =?UTF-8?q?Redis_ist_zur=C3=BCck?=
Message-ID: <1@example.com>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: quoted-printable

caf=C3=A9
--b
Content-Type: text/html; charset=UTF-8
Content-Transfer-Encoding: quoted-printable

<b>caf=C3=A9</b>
--b--
`

func TestServerKeepsWhatItAccepts(t *testing.T) {
	s := start(t, emailtest.Options{Now: func() time.Time { return time.Unix(1795371721, 0) }})
	changes := 0
	s.OnChange(func() { changes++ })
	if err := send(t, s, s.Password(), letter); err != nil {
		t.Fatal(err)
	}
	mails := s.Mails()
	if len(mails) != 1 || changes != 1 {
		t.Fatalf("%d mails and %d changes, want one each", len(mails), changes)
	}
	got := mails[0]
	if got.Header.Get("Message-ID") != "<1@example.com>" {
		t.Errorf("header: %v", got.Header)
	}
	got.Header, got.Raw = nil, nil
	want := emailtest.Mail{
		From: "monitor@example.com", To: []string{"alice@example.com"}, Subject: "Redis ist zurück",
		Text: "café", HTML: "<b>café</b>", At: time.Unix(1795371721, 0).UTC(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mail (-want +got):\n%s", diff)
	}
}

func TestServerRefuses(t *testing.T) {
	tests := []struct {
		name     string
		fault    emailtest.Fault
		password string
		wantCode int
		wantKept int
	}{
		{"a wrong password", emailtest.Fault{Stage: emailtest.StageRcpt, Recipient: "nobody"}, "wrong-password", 535, 0},
		{"a recipient", emailtest.Fault{Stage: emailtest.StageRcpt, Code: 550}, "", 550, 0},
		{"for now", emailtest.Fault{Stage: emailtest.StageData, Code: 451}, "", 451, 0},
		{"by dropping the connection", emailtest.Fault{Stage: emailtest.StageData, Drop: true}, "", 0, 0},
		{"by dropping it after accepting", emailtest.Fault{Stage: emailtest.StageData, Drop: true, Accept: true}, "", 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, emailtest.Options{})
			s.Fail(tt.fault)
			if tt.password == "" {
				tt.password = s.Password()
			}
			err := send(t, s, tt.password, letter)
			if err == nil {
				t.Fatal("no error")
			}
			if code := new(smtp.SMTPError); errors.As(err, &code) && code.Code != tt.wantCode {
				t.Errorf("code %d, want %d", code.Code, tt.wantCode)
			}
			if got := len(s.Mails()); got != tt.wantKept {
				t.Errorf("%d mails kept, want %d", got, tt.wantKept)
			}
		})
	}
}

func TestServerWithoutTLSOffersNoLogin(t *testing.T) {
	s := start(t, emailtest.Options{NoTLS: true})
	if err := send(t, s, s.Password(), letter); err == nil {
		t.Error("STARTTLS works")
	}
}

func TestCloseEndsWhatHangs(t *testing.T) {
	s := start(t, emailtest.Options{})
	taken := make(chan struct{})
	s.OnChange(func() { close(taken) })
	s.Fail(emailtest.Fault{Stage: emailtest.StageData, Hang: true, Accept: true})
	done := make(chan error)
	go func() { done <- send(t, s, s.Password(), letter) }()
	<-taken
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("the hanging mail was accepted")
	}
}
