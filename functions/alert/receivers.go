package alert

import (
	"cmp"
	"context"
	"crypto/x509"
	"log/slog"
	"slices"
	"strings"

	"github.com/pongwatch/pongwatch/functions/alert/email"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/functions/alert/slack"
	"github.com/pongwatch/pongwatch/functions/alert/webhook"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/signature"
	"github.com/pongwatch/pongwatch/shared/version"
)

// ReceiverOptions are what building receivers needs besides the configuration.
type ReceiverOptions struct {
	// Cache reads the receivers' secrets, on their first use.
	Cache *secrets.Cache
	// AllowLoopback lets receivers be on this machine: `local` sets it.
	AllowLoopback bool
	// MailRoots replaces the certificate authorities for mail; nil is the system's.
	MailRoots *x509.CertPool
	Logger    *slog.Logger
}

// Receivers builds every receiver that the configuration names, by its address in
// the outbox: the receiver's name, and for email the name and the recipient. For one
// that cannot be built, problems says why under each of its addresses.
func Receivers(cfg *config.Config, o ReceiverOptions) (receivers map[string]message.Receiver, problems map[string]string) {
	receivers, problems = map[string]message.Receiver{}, map[string]string{}
	for i := range cfg.Receivers {
		entry := &cfg.Receivers[i]
		for _, address := range policy.Addresses(entry) {
			r, err := newReceiver(cfg, entry, address, o)
			switch {
			case !entry.Usable():
				stops := slices.IndexFunc(entry.Problems, func(p config.Problem) bool { return p.Stops })
				problems[address] = entry.Problems[stops].Evidence()
			case err != nil:
				problems[address] = err.Error()
			case r != nil:
				receivers[address] = r
			}
		}
	}
	return receivers, problems
}

func newReceiver(cfg *config.Config, r *config.Receiver, address string, o ReceiverOptions) (message.Receiver, error) {
	switch {
	case r.Slack != nil:
		return built(slack.New(slackOptions(cfg, r.Slack, address, o)))
	case r.Email != nil:
		return built(email.New(emailOptions(r.Email, address, o)))
	case r.PagerDuty != nil:
		return built(webhook.NewPagerDuty(pagerDutyOptions(r.PagerDuty, address, o)))
	case r.Webhook != nil:
		return built(webhook.New(webhookOptions(r.Webhook, address, o)))
	}
	return nil, nil
}

func slackOptions(cfg *config.Config, s *config.Slack, address string, o ReceiverOptions) slack.Options {
	options := slack.Options{
		Name: address, Channel: s.Channel, APIURL: s.APIURL, Mention: s.Mention,
		// Without the signing secret no function could verify that a button was pressed. An incoming
		// webhook of an app that is not named may have no one who takes them: it has links.
		Buttons:       s.Buttons && cfg.Inbound.SlackSigningSecret.IsSet() && (s.Bot() || s.AppID != ""),
		AllowLoopback: o.AllowLoopback, Logger: o.Logger,
	}
	if s.Bot() {
		options.Token = credential(s.BotToken, o.Cache)
	} else {
		options.Webhook = credential(s.Webhook, o.Cache)
	}
	return options
}

func emailOptions(e *config.Email, address string, o ReceiverOptions) email.Options {
	_, to, _ := strings.Cut(address, "/")
	options := email.Options{Name: address, Host: e.Host, Port: e.Port, ImplicitTLS: e.TLS == "implicit", From: e.From, To: to, RootCAs: o.MailRoots}
	if e.Username.IsSet() {
		options.Username, options.Password = credential(e.Username, o.Cache), credential(e.Password, o.Cache)
	}
	return options
}

func pagerDutyOptions(p *config.PagerDuty, address string, o ReceiverOptions) webhook.PagerDutyOptions {
	return webhook.PagerDutyOptions{Name: address, RoutingKey: credential(p.RoutingKey, o.Cache), URL: p.URL, AllowLoopback: o.AllowLoopback}
}

func webhookOptions(w *config.Webhook, address string, o ReceiverOptions) webhook.Options {
	options := webhook.Options{Name: address, URL: credential(w.URL, o.Cache), AllowLoopback: o.AllowLoopback}
	options.Alertmanager = w.Format == config.FormatAlertmanager
	if w.Token.IsSet() {
		options.Token = credential(w.Token, o.Cache)
	}
	if w.Username.IsSet() {
		options.Username, options.Password = credential(w.Username, o.Cache), credential(w.Password, o.Cache)
	}
	for _, k := range w.Keys {
		options.Keys = append(options.Keys, credential(k, o.Cache))
	}
	return options
}

// built keeps a nil pointer from becoming a receiver that is not nil.
func built[R message.Receiver](r R, err error) (message.Receiver, error) {
	if err != nil {
		return nil, err
	}
	return r, nil
}

func credential(s config.Secret, cache *secrets.Cache) message.Credential {
	return func(ctx context.Context, refused bool) (secrets.Value, error) {
		read := s.Get
		if refused {
			read = s.Refresh
		}
		entry, err := read(ctx, cache)
		return entry.Value, err
	}
}

// MessageContext returns what messages need besides the notice. The key of the
// links is read on use, and messages go without links while it cannot be.
func MessageContext(cfg *config.Config, cache *secrets.Cache) func(context.Context) message.Context {
	c := message.Context{
		Playbook: cfg.Links.Playbook, Console: cfg.Links.Console, Logs: cfg.Links.Logs, Status: cfg.Links.Status,
		Inbound: cfg.Inbound.URL, Silences: cfg.Alerting.Silences.Choices, Databases: map[string]message.Database{},
		Environment: cfg.Environment, Reopen: cfg.Alerting.ReopenWithin, Version: version.Release,
	}
	if base := strings.TrimSuffix(cfg.Links.Dashboard, "/"); base != "" {
		c.Dashboard, c.Playbook = base+"/?database={database}", cmp.Or(c.Playbook, base+"/playbooks/{cause}")
	}
	for i := range cfg.Databases {
		d := &cfg.Databases[i]
		db := message.Database{Environment: cmp.Or(d.Environment, cfg.Environment), ID: d.DatabaseID, TokenSecret: d.Token.Resource()}
		for _, a := range d.Apps {
			db.Apps = append(db.Apps, message.App{Service: a.Service, CloudRun: a.CloudRun, Vercel: a.Vercel, Address: a.HealthURL})
		}
		c.Databases[d.Name] = db
	}
	return func(ctx context.Context) message.Context {
		withKey := c
		if len(cfg.Inbound.LinkKeys) > 0 && c.Inbound != "" {
			if entry, err := cfg.Inbound.LinkKeys[0].Get(ctx, cache); err == nil {
				if key, err := signature.ParseKey(entry.Value.Reveal()); err == nil {
					withKey.LinkKey = key
				}
			}
		}
		return withKey
	}
}
