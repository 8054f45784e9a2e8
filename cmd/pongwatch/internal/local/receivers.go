package local

import (
	"context"

	"github.com/pongwatch/pongwatch/functions/alert/email"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/slack"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// receivers builds TEMP.
func (p *Process) receivers(c *config.Config) (map[string]message.Receiver, error) {
	out := map[string]message.Receiver{}
	cred := func(s config.Secret) message.Credential {
		return func(ctx context.Context, refused bool) (secrets.Value, error) {
			read := s.Get
			if refused {
				read = s.Refresh
			}
			e, err := read(ctx, p.secrets)
			return e.Value, err
		}
	}
	for _, r := range c.Receivers {
		switch {
		case r.Slack != nil:
			o := slack.Options{Name: r.Name, Channel: r.Slack.Channel, APIURL: r.Slack.APIURL, AllowLoopback: true, Logger: p.options.Logger}
			if r.Slack.Bot() {
				o.Token = cred(r.Slack.BotToken)
			} else {
				o.Webhook = cred(r.Slack.Webhook)
			}
			s, err := slack.New(o)
			if err != nil {
				return nil, err
			}
			out[r.Name] = s
		case r.Email != nil:
			for _, to := range r.Email.To {
				roots := p.options.RootCAs
				if p.demo != nil {
					roots = p.demo.mail.RootCAs()
				}
				name := r.Name + "/" + to
				e, err := email.New(email.Options{Name: name, Host: r.Email.Host, Port: r.Email.Port, Username: cred(r.Email.Username), Password: cred(r.Email.Password), From: r.Email.From, To: to, RootCAs: roots})
				if err != nil {
					return nil, err
				}
				out[name] = e
			}
		}
	}
	return out, nil
}
