package email_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/email"
	"github.com/pongwatch/pongwatch/functions/alert/email/emailtest"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// The server fails at each point of the conversation in turn. A 4xx and a lost
// connection pass, a 5xx lasts, and only the end of the mail leaves doubt.
func TestEveryCommandFails(t *testing.T) {
	type stage struct {
		stage   emailtest.Stage
		dropped message.Result
	}
	for _, s := range []stage{
		{emailtest.StageConnect, message.Later},
		{emailtest.StageAuth, message.Later},
		{emailtest.StageMail, message.Later},
		{emailtest.StageRcpt, message.Later},
		{emailtest.StageData, message.Unknown},
	} {
		for name, tt := range map[string]struct {
			fault  emailtest.Fault
			want   message.Result
			reason string
		}{
			"421":     {emailtest.Fault{Code: 421}, message.Later, "421"},
			"499":     {emailtest.Fault{Code: 499}, message.Later, "499"},
			"500":     {emailtest.Fault{Code: 500}, message.Refused, "500"},
			"554":     {emailtest.Fault{Code: 554}, message.Refused, "554"},
			"599":     {emailtest.Fault{Code: 599}, message.Refused, "599"},
			"dropped": {emailtest.Fault{Drop: true}, s.dropped, ""},
			"hung":    {emailtest.Fault{Hang: true}, s.dropped, ""},
		} {
			t.Run(fmt.Sprint(s.stage, " ", name), func(t *testing.T) {
				t.Parallel()
				server := server(t, emailtest.Options{})
				tt.fault.Stage, tt.fault.Times = s.stage, -1
				server.Fail(tt.fault)
				prev := message.Ref{ID: "before", Thread: "thread"}
				ref, got, err := receiver(t, server, func(o *email.Options) { o.Timeout = time.Second }).Deliver(t.Context(), render(incident.Reminder, cause.AuthInvalid), prev)
				if err == nil || got.Result != tt.want || !strings.Contains(got.Reason, tt.reason) || got.Reason == "" || ref != prev || len(server.Mails()) != 0 {
					t.Errorf("%+v %+v, %v, %d mails; want %s with %q", ref, got, err, len(server.Mails()), tt.want, tt.reason)
				}
			})
		}
	}
}

// The login is read again once after the server has refused it, and a secret that
// cannot be read is asked for later.
func TestLoginsThatFail(t *testing.T) {
	for _, tt := range []struct {
		name     string
		username []string // by read; an empty one fails
		password []string
		want     message.Result
		reason   string
		dialled  bool
		reads    int // of the password
	}{
		{"no username", []string{""}, []string{"good"}, message.Later, "secret store down", false, 0},
		{"no password", []string{"good"}, []string{""}, message.Later, "secret store down", false, 1},
		{"no username the second time", []string{"good", ""}, []string{"bad", "good"}, message.Later, "secret store down", true, 1},
		{"no password the second time", []string{"good", "good"}, []string{"bad", ""}, message.Later, "secret store down", true, 2},
		{"refused twice", []string{"good", "good"}, []string{"bad", "bad"}, message.Refused, "535", true, 2},
		{"another username", []string{"bad", "good"}, []string{"good", "good"}, message.Delivered, "", true, 2},
		{"another password", []string{"good", "good"}, []string{"bad", "good"}, message.Delivered, "", true, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := server(t, emailtest.Options{})
			credential := func(good string, values []string, reads *[]bool) message.Credential {
				return func(_ context.Context, refused bool) (secrets.Value, error) {
					*reads = append(*reads, refused)
					switch values[min(len(*reads), len(values))-1] {
					case "good":
						return secrets.New(good), nil
					case "bad":
						return secrets.New("wrong"), nil
					}
					return secrets.Value{}, errors.New("secret store down")
				}
			}
			var usernames, passwords []bool
			r := receiver(t, s, func(o *email.Options) {
				o.Username, o.Password = credential(s.Username(), tt.username, &usernames), credential(s.Password(), tt.password, &passwords)
			})
			_, got, err := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{})
			if got.Result != tt.want || !strings.Contains(got.Reason, tt.reason) || (err == nil) != (tt.want == message.Delivered) {
				t.Errorf("%+v, %v; want %s with %q", got, err, tt.want, tt.reason)
			}
			if n := len(passwords); n != tt.reads {
				t.Errorf("%d reads of the password, want %d", n, tt.reads)
			}
			for _, reads := range [][]bool{usernames, passwords} {
				for i, refused := range reads {
					if refused != (i > 0) {
						t.Errorf("read %d says refused = %v", i+1, refused)
					}
				}
			}
			if kept := len(s.Mails()) == 1; kept != (tt.want == message.Delivered) {
				t.Errorf("%d mails", len(s.Mails()))
			}
			if (s.Sessions() > 0) != tt.dialled {
				t.Errorf("%d sessions, want some: %v", s.Sessions(), tt.dialled)
			}
		})
	}
}

// A server without accounts gets no login, and one that wants a login refuses the mail.
func TestWithoutALogin(t *testing.T) {
	s := server(t, emailtest.Options{})
	r := receiver(t, s, func(o *email.Options) { o.Username, o.Password = nil, nil })
	if _, got, err := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{}); err == nil || got.Result != message.Refused {
		t.Errorf("%+v, %v; want refused", got, err)
	}
}

// Headers say which mail is answered, how urgent it is and whom it is from.
func TestHeaders(t *testing.T) {
	s := server(t, emailtest.Options{})
	opened := render(incident.Opened, cause.AuthInvalid)
	root := "<" + opened.ID + "@example.com>"
	id := "<" + opened.ID + ".1."
	for name, tt := range map[string]struct {
		change     func(*message.Message)
		prev       message.Ref
		subject    string
		inReplyTo  string
		references string
		importance string
	}{
		"the opening":      {func(*message.Message) {}, message.Ref{}, "[production] CRITICAL prod-cache down: ", root, root, "high"},
		"a later one":      {func(m *message.Message) { m.Opening = false }, message.Ref{ID: "a@b"}, "Re: [production] CRITICAL prod-cache down: ", "<a@b>", root + " <a@b>", "high"},
		"one after a loss": {func(m *message.Message) { m.Opening = false }, message.Ref{}, "Re: [production] CRITICAL prod-cache down: ", root, root, "high"},
		"a warning":        {func(m *message.Message) { m.Severity = cause.SeverityWarning }, message.Ref{}, "[production] CRITICAL prod-cache down: ", root, root, ""},
		"an end":           {func(m *message.Message) { m.State = message.Resolved }, message.Ref{}, "[production] CRITICAL prod-cache down: ", root, root, ""},
		"a changed cause":  {func(m *message.Message) { m.Opening, m.Subject = false, "another cause" }, message.Ref{Channel: "the first one", ID: "a@b"}, "Re: the first one", "<a@b>", root + " <a@b>", "high"},
		"a group's name":   {func(m *message.Message) { m.Subject = "[pongwatch] é x" }, message.Ref{}, "[pongwatch] é x", root, root, "high"},
	} {
		m := opened
		tt.change(&m)
		if _, _, err := receiver(t, s).Deliver(t.Context(), m, tt.prev); err != nil {
			t.Fatal(err)
		}
		mails := s.Mails()
		got := mails[len(mails)-1]
		for header, want := range map[string]string{
			"In-Reply-To": tt.inReplyTo, "References": tt.references, "Importance": tt.importance, "From": `"pongwatch" <alerts@example.com>`, "To": `"Alice" <alice@example.com>`,
			"Date": "Sun, 22 Nov 2026 18:34:04 +0000", "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All", "X-Pongwatch-Incident": "INC-7F3A9K", "User-Agent": "",
		} {
			if value := got.Header.Get(header); value != want {
				t.Errorf("%s: %s %q, want %q", name, header, value, want)
			}
		}
		if !strings.HasPrefix(got.Subject, tt.subject) || !strings.HasPrefix(got.Header.Get("Message-Id"), id) || !strings.HasSuffix(got.Header.Get("Message-Id"), "@example.com>") {
			t.Errorf("%s: subject %q, id %s", name, got.Subject, got.Header.Get("Message-Id"))
		}
		if !strings.HasPrefix(got.Header.Get("Content-Type"), "multipart/alternative") || got.Text == "" || got.HTML == "" {
			t.Errorf("%s: %s with %d and %d bytes", name, got.Header.Get("Content-Type"), len(got.Text), len(got.HTML))
		}
	}
	// A repair repeats the mail that the reference names: it does not answer itself.
	r := receiver(t, s)
	ref, _, err := r.Deliver(t.Context(), opened, message.Ref{})
	if err != nil || ref.Thread != opened.ID+"@example.com" {
		t.Fatalf("%+v, %v", ref, err)
	}
	if again, _, err := r.Deliver(t.Context(), opened, ref); err != nil || again != ref {
		t.Errorf("%+v, %v; want %+v", again, err, ref)
	}
	mails := s.Mails()
	if got := mails[len(mails)-1].Header.Get("References"); got != root {
		t.Errorf("a repeated mail refers to %s, want %s", got, root)
	}
}

func TestAPasswordWantsAUser(t *testing.T) {
	_, err := email.New(email.Options{Name: "e", Host: "h", From: "a@example.com", To: "b@example.com", Password: message.Fixed(secrets.New("p"))})
	if err == nil || !strings.Contains(err.Error(), "both username and password") {
		t.Errorf("a password without a user: %v", err)
	}
}
