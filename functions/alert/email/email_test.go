package email_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/email"
	"github.com/pongwatch/pongwatch/functions/alert/email/emailtest"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

func server(t testing.TB, o emailtest.Options) *emailtest.Server {
	t.Helper()
	s, err := emailtest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func receiver(t testing.TB, s *emailtest.Server, change ...func(*email.Options)) *email.Receiver {
	t.Helper()
	o := email.Options{
		Name: "email-oncall/alice@example.com", Host: s.Host(), Port: s.Port(), RootCAs: s.RootCAs(),
		Username: message.Fixed(secrets.New(s.Username())), Password: message.Fixed(secrets.New(s.Password() + "\n")),
		From: "pongwatch <alerts@example.com>", To: "Alice <alice@example.com>", Timeout: 2 * time.Second,
	}
	for _, c := range change {
		c(&o)
	}
	r, err := email.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func render(e incident.Event, c cause.Cause) message.Message {
	return message.Render(messagetest.Notice(e, c), messagetest.Context())
}

// TestMail sends real mails over SMTP and pins headers and both parts of them.
func TestMail(t *testing.T) {
	var b strings.Builder
	for _, e := range []incident.Event{incident.Opened, incident.Reminder, incident.Resolved} {
		s := server(t, emailtest.Options{})
		ref, outcome, err := receiver(t, s).Deliver(t.Context(), render(e, cause.AuthInvalid), message.Ref{})
		if err != nil || outcome.Result != message.Delivered {
			t.Fatalf("%s: %+v, %v", e, outcome, err)
		}
		mails := s.Mails()
		if len(mails) != 1 || len(mails[0].To) != 1 || mails[0].To[0] != "alice@example.com" || mails[0].From != "alerts@example.com" {
			t.Fatalf("%s: mails %+v", e, mails)
		}
		m := mails[0]
		if m.Header.Get("Message-Id") != "<"+ref.ID+">" {
			t.Errorf("%s: Message-ID %s, but the reference is %s", e, m.Header.Get("Message-Id"), ref.ID)
		}
		fmt.Fprintf(&b, "-- %s --\n", e)
		for _, h := range []string{"From", "To", "Message-Id", "In-Reply-To", "References", "Date", "Importance", "Auto-Submitted", "X-Auto-Response-Suppress", "X-Pongwatch-Incident", "X-Mailer", "User-Agent"} {
			if v := m.Header.Get(h); v != "" {
				fmt.Fprintf(&b, "%s: %s\n", h, v)
			}
		}
		fmt.Fprintf(&b, "Subject: %s\n\n%s\n%s\n", m.Subject, m.Text, m.HTML)
		if m.Text != strings.TrimSuffix(render(e, cause.AuthInvalid).Text(), "") {
			t.Errorf("%s: the text part is not the message's text:\n%s", e, cmp.Diff(render(e, cause.AuthInvalid).Text(), m.Text))
		}
	}
	goldentest.Compare(t, "testdata/mail.txtar", b.String())
}

// TestHTML pins the HTML of every event, every cause's opening and a group.
func TestHTML(t *testing.T) {
	files := map[string]*strings.Builder{"html-events.txtar": {}, "html-causes.txtar": {}, "html-group.txtar": {}}
	write := func(file, name string, m message.Message) {
		page, err := email.HTML(m)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(page, "<script>") || strings.Contains(page, "<!channel>") || strings.Contains(page, "ZgotmplZ") {
			t.Errorf("%s %s: evidence is not escaped", file, name)
		}
		fmt.Fprintf(files[file], "-- %s --\n%s", name, page)
	}
	for _, e := range messagetest.Events() {
		write("html-events.txtar", string(e), render(e, cause.AuthInvalid))
	}
	for _, c := range cause.All() {
		write("html-causes.txtar", string(c), render(incident.Opened, c))
	}
	for _, e := range []incident.Event{incident.Opened, incident.Joined, incident.Resolved} {
		write("html-group.txtar", string(e), message.Render(messagetest.Group(e, 5), messagetest.Context()))
	}
	for name, b := range files {
		goldentest.Compare(t, "testdata/"+name, b.String())
	}
}

// limit is far above what loopback takes on a busy machine.
const limit = 3 * time.Second

// TestOutcomes is the delivery table of one attempt: what goes wrong, what is
// recorded, and how many mails the server has afterwards.
func TestOutcomes(t *testing.T) {
	tests := []struct {
		name    string
		options emailtest.Options
		fault   emailtest.Fault
		change  func(*email.Options)
		want    message.Result
		reason  string
		kept    int
	}{
		{name: "all is well", want: message.Delivered, kept: 1},
		{name: "TLS from the start", options: emailtest.Options{ImplicitTLS: true}, change: func(o *email.Options) { o.ImplicitTLS = true }, want: message.Delivered, kept: 1},
		{name: "451 at the end of the mail", fault: emailtest.Fault{Stage: emailtest.StageData, Code: 451}, want: message.Later, reason: "451"},
		{name: "450 greylisting of the recipient", fault: emailtest.Fault{Stage: emailtest.StageRcpt, Code: 450}, want: message.Later, reason: "450"},
		{name: "550 of the recipient", fault: emailtest.Fault{Stage: emailtest.StageRcpt, Code: 550}, want: message.Refused, reason: "550"},
		{name: "554 at the end of the mail", fault: emailtest.Fault{Stage: emailtest.StageData, Code: 554}, want: message.Refused, reason: "554"},
		{name: "421 at the greeting", fault: emailtest.Fault{Stage: emailtest.StageConnect, Code: 421}, want: message.Later, reason: "421"},
		{name: "a slow but good answer", fault: emailtest.Fault{Stage: emailtest.StageData, Accept: true, Delay: 50 * time.Millisecond}, want: message.Delivered, kept: 1},
		{name: "no answer after the mail", fault: emailtest.Fault{Stage: emailtest.StageData, Hang: true}, want: message.Unknown},
		{name: "dropped after accepting", fault: emailtest.Fault{Stage: emailtest.StageData, Drop: true, Accept: true}, want: message.Unknown, kept: 1},
		{name: "dropped before the mail", fault: emailtest.Fault{Stage: emailtest.StageRcpt, Drop: true}, want: message.Later},
		{name: "hangs before the mail", fault: emailtest.Fault{Stage: emailtest.StageMail, Hang: true}, want: message.Later},
		{name: "hangs at the greeting", fault: emailtest.Fault{Stage: emailtest.StageConnect, Hang: true}, want: message.Later},
		{name: "no STARTTLS", options: emailtest.Options{NoTLS: true}, want: message.Refused, reason: "no STARTTLS"},
		{name: "a foreign certificate", change: func(o *email.Options) { o.RootCAs = x509.NewCertPool() }, want: message.Refused, reason: "TLS"},
		{name: "a wrong password", change: func(o *email.Options) { o.Password = message.Fixed(secrets.New("wrong")) }, want: message.Refused, reason: "535"},
		{name: "the login fails for now", fault: emailtest.Fault{Stage: emailtest.StageAuth, Code: 454}, want: message.Later, reason: "454"},
		{name: "nobody listens", change: func(o *email.Options) { o.Port = 1 }, want: message.Later, reason: "refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := server(t, tt.options)
			if tt.fault.Stage != "" {
				s.Fail(tt.fault)
			}
			r := receiver(t, s, func(o *email.Options) {
				o.Timeout = limit
				if tt.change != nil {
					tt.change(o)
				}
			})
			begin := time.Now()
			_, got, err := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{})
			if took := time.Since(begin); took > 2*limit {
				t.Errorf("took %v, the limit is %v", took, limit)
			}
			if got.Result != tt.want || (err == nil) != (tt.want == message.Delivered) || !strings.Contains(got.Reason, tt.reason) {
				t.Errorf("outcome %+v, %v; want %s with %q", got, err, tt.want, tt.reason)
			}
			if len(s.Mails()) != tt.kept {
				t.Errorf("%d mails, want %d", len(s.Mails()), tt.kept)
			}
		})
	}
}

func TestARepeatedMailHasTheSameID(t *testing.T) {
	s := server(t, emailtest.Options{})
	s.Fail(emailtest.Fault{Stage: emailtest.StageData, Drop: true, Accept: true})
	r := receiver(t, s)
	m := render(incident.Opened, cause.AuthInvalid)
	if _, outcome, _ := r.Deliver(t.Context(), m, message.Ref{}); outcome.Result != message.Unknown {
		t.Fatalf("outcome %+v", outcome)
	}
	if _, _, err := r.Deliver(t.Context(), m, message.Ref{}); err != nil {
		t.Fatal(err)
	}
	mails := s.Mails()
	if len(mails) != 2 || mails[0].Header.Get("Message-Id") != mails[1].Header.Get("Message-Id") {
		t.Errorf("%d mails", len(mails))
	}
	bob := receiver(t, s, func(o *email.Options) { o.To = "bob@example.com" })
	if _, _, err := bob.Deliver(t.Context(), m, message.Ref{}); err != nil {
		t.Fatal(err)
	}
	if last := s.Mails()[2]; last.Header.Get("Message-Id") == mails[0].Header.Get("Message-Id") || last.Header.Get("References") != mails[0].Header.Get("References") {
		t.Errorf("another recipient's mail has id %s and references %s", last.Header.Get("Message-Id"), last.Header.Get("References"))
	}
}

// A thread keeps its subject, except where it would name a lesser severity than there is.
func TestTheSubjectFollowsTheSeverity(t *testing.T) {
	s := server(t, emailtest.Options{})
	r := receiver(t, s)
	var ref message.Ref
	for i, m := range []message.Message{
		render(incident.Opened, cause.Slow), render(incident.CauseChanged, cause.TimeoutResponse), render(incident.Raised, cause.AuthInvalid), render(incident.Resolved, cause.Slow),
	} {
		var err error
		if ref, _, err = r.Deliver(t.Context(), m, ref); err != nil {
			t.Fatal(err)
		}
		want := []string{"[production] WARNING prod-cache", "Re: [production] WARNING prod-cache", "Re: [production] CRITICAL prod-cache", "Re: [production] CRITICAL prod-cache"}[i]
		if got := s.Mails()[i].Header.Get("Subject"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: subject %q, want %q", m.Event, got, want)
		}
	}
}

func TestWhatIsNotLoudIsNotMailed(t *testing.T) {
	s := server(t, emailtest.Options{})
	for _, e := range []incident.Event{incident.Acknowledged, incident.Updated, incident.Silenced} {
		prev := message.Ref{ID: "x"}
		ref, outcome, err := receiver(t, s).Deliver(t.Context(), render(e, cause.AuthInvalid), prev)
		if err != nil || outcome.Result != message.Delivered || !outcome.Unsent || ref != prev || s.Sessions() != 0 {
			t.Errorf("%s: %+v %+v %v, %d sessions", e, ref, outcome, err, s.Sessions())
		}
	}
}

func TestAChangedPasswordIsReadAgain(t *testing.T) {
	s := server(t, emailtest.Options{})
	r := receiver(t, s, func(o *email.Options) {
		o.Password = func(_ context.Context, refused bool) (secrets.Value, error) {
			if refused {
				return secrets.New(s.Password()), nil
			}
			return secrets.New("old-password"), nil
		}
	})
	if _, outcome, err := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{}); err != nil {
		t.Errorf("%+v, %v", outcome, err)
	}
}

func TestHeadersCannotBeInjected(t *testing.T) {
	s := server(t, emailtest.Options{})
	m := render(incident.Opened, cause.AuthInvalid)
	m.Subject = "x\r\nBcc: evil@example.com\r\n\r\nbody"
	m.Short = "INC\r\nX-Evil: 1"
	if _, _, err := receiver(t, s).Deliver(t.Context(), m, message.Ref{}); err != nil {
		t.Fatal(err)
	}
	got := s.Mails()[0]
	if got.Header.Get("Bcc") != "" || got.Header.Get("X-Evil") != "" || len(got.To) != 1 {
		t.Errorf("header %v", got.Header)
	}
}

func TestSecretsStayInside(t *testing.T) {
	const canary = "c4n4ryS3cret"
	for i, fault := range []emailtest.Fault{
		{Stage: emailtest.StageAuth, Code: 535},
		{Stage: emailtest.StageAuth, Code: 454},
		{Stage: emailtest.StageAuth, Hang: true},
		{Stage: emailtest.StageAuth, Drop: true},
		{Stage: emailtest.StageConnect, Drop: true},
		{Stage: emailtest.StageData, Drop: true},
		{Stage: "never"},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			s := server(t, emailtest.Options{})
			fault.Times = -1
			s.Fail(fault)
			r := receiver(t, s, func(o *email.Options) {
				o.Timeout = 200 * time.Millisecond
				o.Password = message.Fixed(secrets.New(canary))
			})
			ref, outcome, err := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{})
			if err == nil {
				t.Fatal("delivered with a wrong password")
			}
			left := fmt.Sprintf("%v %+v %#v %+v %+v", err, err, err, outcome, ref)
			if strings.Contains(left, canary) || strings.Contains(left, "AHBvbmd3YXRj") { // base64 of AUTH PLAIN
				t.Errorf("leaks: %s", left)
			}
		})
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	good := email.Options{Name: "e", Host: "smtp.example.com", From: "a@example.com", To: "b@example.com"}
	tests := []struct {
		name   string
		change func(*email.Options)
		want   string
	}{
		{"no host", func(o *email.Options) { o.Host = "" }, `want a submission server such as "smtp.example.com"`},
		{"a sender that is none", func(o *email.Options) { o.From = "pongwatch" }, "from is not an address"},
		{"two recipients in one", func(o *email.Options) { o.To = "a@example.com, b@example.com" }, "to is not an address"},
		{"a sender with a line break", func(o *email.Options) { o.From = "a@example.com\r\nBcc: x@example.com" }, "from is not an address"},
		{"a user without a password", func(o *email.Options) { o.Username = message.Fixed(secrets.New("u")) }, "both username and password"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := good
			tt.change(&o)
			if _, err := email.New(o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}
