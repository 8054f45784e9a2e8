// Package email delivers messages by mail submission: TLS is mandatory, each
// recipient gets a mail of its own, and all mails of an incident form one thread.
//
// A mail cannot be edited, so only loud events are sent. A mail that is sent again
// after a lost answer has the same Message-ID, by which many mail stores drop the
// second one.
package email

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/mail"
	"slices"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// Options configures a receiver: one recipient on one submission server.
type Options struct {
	// Name is the receiver's address in the outbox, such as "email-oncall/alice@example.com".
	Name string
	// Host and Port are the submission server's.
	Host string
	Port int
	// ImplicitTLS says that TLS begins with the first byte, as on port 465.
	ImplicitTLS bool
	// Username and Password log in. Without a Username there is no login.
	Username, Password message.Credential
	// From is the sender, such as "pongwatch <alerts@example.com>"; To the recipient.
	From, To string
	// RootCAs replaces the system's certificate authorities.
	RootCAs *x509.CertPool
	// Timeout bounds one delivery; zero is 10 s. The deadline of Deliver's context holds too.
	Timeout time.Duration
}

const defaultTimeout = 10 * time.Second

// Receiver is one recipient. It implements [message.Receiver].
type Receiver struct {
	options  Options
	from, to *mail.Address
	domain   string
	login    *message.Login
}

var _ message.Receiver = (*Receiver)(nil)

// New returns a receiver, or says what is wrong with its options.
func New(o Options) (*Receiver, error) {
	fail := func(what string) (*Receiver, error) { return nil, fmt.Errorf("receiver %s: %s", o.Name, what) }
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	switch {
	case o.Host == "":
		return fail(`host is empty, want a submission server such as "smtp.example.com"`)
	case (o.Username == nil) != (o.Password == nil):
		return fail("want both username and password, or neither")
	}
	r := &Receiver{options: o}
	var err error
	if r.from, err = mail.ParseAddress(o.From); err != nil {
		return fail(`from is not an address, want one such as "pongwatch <alerts@example.com>"`)
	}
	if r.to, err = mail.ParseAddress(o.To); err != nil {
		return fail(`to is not an address, want one such as "oncall@example.com"`)
	}
	_, r.domain, _ = strings.Cut(r.from.Address, "@")
	r.login = message.NewLogin(o.Username, o.Password)
	return r, nil
}

// Name implements [message.Receiver].
func (r *Receiver) Name() string { return r.options.Name }

// Renewed implements [message.Renewable].
func (r *Receiver) Renewed(ctx context.Context) bool { return r.login.Renewed(ctx) }

// Deliver implements [message.Receiver].
func (r *Receiver) Deliver(ctx context.Context, m message.Message, prev message.Ref) (message.Ref, message.Outcome, error) {
	if !m.Loud {
		return prev, message.Outcome{Result: message.Delivered, Unsent: true}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	id := r.messageID(m)
	err := r.login.Do(ctx, "reading the mail login", func(login []secrets.Value) error { return r.send(ctx, m, id, prev, login[0], login[1]) })
	if err != nil {
		return prev, message.OutcomeOf(err), err
	}
	return message.Ref{Channel: subject(m, prev), ID: id, Thread: r.rootID(m)}, message.OutcomeOf(nil), nil
}

// subject is the thread's: what its first mail had, which the Ref keeps as its Channel.
// Mail readers part a thread whose subject changes with the cause. What has become more severe
// parts it, because its subject would say "WARNING" of an outage.
func subject(m message.Message, prev message.Ref) string {
	if slices.Contains(m.Events, incident.Raised) {
		return m.Subject
	}
	return cmp.Or(prev.Channel, m.Subject)
}

// messageID is the same for every try of one revision to one recipient.
func (r *Receiver) messageID(m message.Message) string {
	sum := sha256.Sum256([]byte(r.to.Address))
	return fmt.Sprintf("%s.%d.%x@%s", m.ID, m.Revision, sum[:6], r.domain)
}

// rootID is the id of a mail that was never sent: every mail of the incident
// refers to it, so that they form a thread whichever of them arrived.
func (r *Receiver) rootID(m message.Message) string { return m.ID + "@" + r.domain }

// send makes one attempt.
func (r *Receiver) send(ctx context.Context, m message.Message, id string, prev message.Ref, username, password secrets.Value) error {
	mail, err := r.compose(m, id, prev)
	if err != nil {
		f := message.Fail(message.Refused, "composing a mail", "composing failed")
		f.Err = err
		return f
	}
	c := &conn{config: r.tlsConfig(), implicit: r.options.ImplicitTLS}
	defer func() {
		if c.Conn != nil {
			_ = c.Conn.Close()
		}
	}()
	client, err := r.client(ctx, c, username, password)
	if err != nil {
		return message.Fail(message.Refused, "setting up the mail client", "unusable settings") // the error may quote the login
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return classify("connecting to the mail server", err, c.busy, username, password)
	}
	if err := client.SendWithSMTPClient(session, mail); err != nil {
		return classify("sending a mail", err, "", username, password)
	}
	// The mail is accepted. A failure to say goodbye must not send it again.
	_ = client.CloseWithSMTPClient(session)
	return nil
}

func (r *Receiver) tlsConfig() *tls.Config {
	return &tls.Config{ServerName: r.options.Host, RootCAs: r.options.RootCAs, MinVersion: tls.VersionTLS12}
}

func (r *Receiver) client(ctx context.Context, c *conn, username, password secrets.Value) (*gomail.Client, error) {
	deadline, _ := ctx.Deadline() // Deliver has set one
	options := []gomail.Option{
		gomail.WithPort(r.options.Port), gomail.WithTimeout(max(time.Millisecond, time.Until(deadline))), gomail.WithTLSConfig(r.tlsConfig()),
		gomail.WithHELO(r.domain), gomail.WithoutNoop(), gomail.WithDialContextFunc(c.dial),
	}
	if r.options.ImplicitTLS {
		// The dialer hands over a TLS connection; the library must not ask for STARTTLS on it.
		options = append(options, gomail.WithSSL())
	} else {
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if !username.IsZero() {
		options = append(options, gomail.WithUsername(strings.TrimSpace(username.Reveal())), gomail.WithPassword(strings.TrimSpace(password.Reveal())),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	return gomail.NewClient(r.options.Host, options...)
}

// compose makes the mail: a reply to the one before, where there is one.
func (r *Receiver) compose(m message.Message, id string, prev message.Ref) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := msg.FromFormat(r.from.Name, r.from.Address); err != nil {
		return nil, err
	}
	if err := msg.AddToFormat(r.to.Name, r.to.Address); err != nil {
		return nil, err
	}
	if m.Opening {
		msg.Subject(subject(m, prev))
	} else {
		msg.Subject("Re: " + subject(m, prev))
	}
	msg.SetMessageIDWithValue(id)
	msg.SetDateWithValue(m.At)
	root := "<" + r.rootID(m) + ">"
	parent, references := root, []string{root}
	if prev.ID != "" && prev.ID != id {
		parent = "<" + prev.ID + ">"
		references = append(references, parent)
	}
	msg.SetGenHeader(gomail.HeaderInReplyTo, parent)
	msg.SetGenHeader(gomail.HeaderReferences, strings.Join(references, " "))
	// No vacation notice shall answer, and no mail loop begin (RFC 3834).
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetGenHeader("X-Pongwatch-Incident", m.Short)
	if m.Severity == cause.SeverityCritical && m.State != message.Resolved {
		msg.SetImportance(gomail.ImportanceHigh)
	}
	msg.SetBodyString(gomail.TypeTextPlain, m.Text())
	page, err := HTML(m)
	if err != nil {
		return nil, err
	}
	msg.AddAlternativeString(gomail.TypeTextHTML, page)
	return msg, nil
}

// conn is a connection of which no read or write outlives the delivery's context: the library
// itself heeds it only while dialing. It also keeps what go-mail loses: after a 421 to EHLO it
// sends HELO, whose answer offers no STARTTLS, and a busy server looks like one without TLS.
type conn struct {
	net.Conn // nil until dial has connected
	config   *tls.Config
	implicit bool
	until    time.Time
	busy     string // the server's 4xx to the greeting
}

func (c *conn) dial(ctx context.Context, network, address string) (net.Conn, error) {
	// ctx is the library's, which ends with the dialing; its deadline is the delivery's.
	dialed, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.Conn = dialed
	c.until, _ = ctx.Deadline() // Deliver has set one
	if err := c.SetDeadline(c.until); err != nil {
		return nil, err
	}
	if !c.implicit {
		return c, nil
	}
	secure := tls.Client(c, c.config)
	return secure, secure.HandshakeContext(ctx)
}

// Read implements [net.Conn]. Replies arrive in a read of their own; once TLS has
// begun, a record's first byte is never a digit.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 3 && b[0] == '4' && c.busy == "" {
		c.busy = string(b[:min(n, 200)])
	}
	return n, err
}

// SetDeadline implements [net.Conn]. It moves no deadline beyond the delivery's.
func (c *conn) SetDeadline(t time.Time) error {
	if t.IsZero() || t.After(c.until) {
		t = c.until
	}
	return c.Conn.SetDeadline(t)
}
