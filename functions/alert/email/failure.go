package email

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/text"
)

// classify judges an error of go-mail. Only a server's own 5xx, a refused login
// and a certificate that does not fit last; everything else is tried again.
// go-mail's IsTemp is of no use here: a timeout is not temporary to it.
func classify(doing string, err error, busy string, known ...secrets.Value) error {
	f := message.Fail(message.Later, doing, text.Clip(outbound.Redact(err.Error(), known...), 200))
	if sent, ok := errors.AsType[*gomail.SendError](err); ok {
		return classifySend(f, sent)
	}
	var (
		answer      *textproto.Error
		certificate *tls.CertificateVerificationError
		unknown     x509.UnknownAuthorityError
		hostname    x509.HostnameError
		record      tls.RecordHeaderError
		dns         *net.DNSError
	)
	switch {
	case errors.As(err, &answer):
		f.Reason = fmt.Sprintf("%d %s", answer.Code, text.Clip(outbound.Redact(answer.Msg, known...), 150))
		if answer.Code >= 500 {
			f.Result = message.Refused
			f.BadCredential = answer.Code == 535 || answer.Code == 534 || answer.Code == 530
		}
	case errors.As(err, &certificate), errors.As(err, &unknown), errors.As(err, &hostname), errors.As(err, &record):
		f.Result = message.Refused
		f.Reason = "TLS: " + f.Reason
	case errors.As(err, &dns) && dns.IsNotFound:
		f.Result = message.Refused
	case lacksTLS(err) && busy != "":
		f.Reason = text.Clip(outbound.Redact(busy, known...), 150)
	case lacksTLS(err):
		f.Result = message.Refused
		f.Reason = "the server offers no STARTTLS; pongwatch sends no mail in plain text"
	case strings.Contains(err.Error(), "does not support SMTP AUTH"):
		f.Result = message.Refused
		f.Reason = "the server offers no login"
	}
	return f
}

// classifySend judges an error in the conversation about one mail.
func classifySend(f *message.Failure, sent *gomail.SendError) error {
	code := sent.ErrorCode()
	switch {
	case sent.Reason == gomail.ErrSMTPReset:
		return nil // RSET comes after the mail was accepted
	case code >= 500 && code < 600:
		f.Result = message.Refused
		f.BadCredential = code == 530 || code == 535
	case code >= 400 && code < 500:
		f.Result = message.Later
	case sent.Reason == gomail.ErrSMTPDataClose:
		// The whole mail was sent and the answer is missing.
		f.Result = message.Unknown
	case sent.Reason == gomail.ErrGetSender, sent.Reason == gomail.ErrGetRcpts, sent.Reason == gomail.ErrNoUnencoded:
		f.Result = message.Refused
	}
	return f
}

// lacksTLS recognises go-mail's refusal to go on in clear, which has no type.
func lacksTLS(err error) bool { return strings.Contains(err.Error(), "does not support STARTTLS") }
