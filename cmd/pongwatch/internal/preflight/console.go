package preflight

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// settings asks the account once for what its owner chose. ok is false without a configured
// account.
func (d *database) settings(ctx context.Context, r *run) (s upstash.Settings, ok bool, err error) {
	m := r.Config.Management
	if !m.Configured() || d.DatabaseID == "" {
		return s, false, nil
	}
	if !d.asked {
		d.asked = true
		d.told, d.untold = r.askAccount(ctx, m, d.DatabaseID)
	}
	return d.told, true, d.untold
}

func (r *run) askAccount(ctx context.Context, m config.Management, id string) (upstash.Settings, error) {
	email, err := m.Email.Get(ctx, r.Secrets)
	if err != nil {
		return upstash.Settings{}, err
	}
	key, err := m.APIKey.Get(ctx, r.Secrets)
	if err != nil {
		return upstash.Settings{}, err
	}
	r.known = append(r.known, key.Value)
	client, err := upstash.NewManagement(upstash.ManagementOptions{Email: email.Value.Reveal(), APIKey: key.Value, BaseURL: m.URL, Connection: r.Upstash})
	if err != nil {
		return upstash.Settings{}, err
	}
	defer client.CloseIdleConnections()
	return client.Settings(ctx, id)
}

// account fails with a wrong key or id. An API that does not answer says nothing of the
// database.
func account(ctx context.Context, r *run, d *database) Finding {
	s, ok, err := d.settings(ctx, r)
	e, answered := errors.AsType[*upstash.Error](err)
	switch {
	case !ok:
		return manual("the settings cannot be told without Upstash's management API",
			"Configure management.email, management.api_key (a read-only key is enough) and the database's database_id.",
			"A database of Vercel or Fly has no such API: confirm each of these items in its console.")
	case err != nil:
		f := because(Warn, cause.MonitorManagement, err.Error())
		if answered && e.Status/100 == 4 {
			f = broken(err)
		}
		return f
	case s.Type == "free":
		return warn("the free plan is not made for production", "plan free",
			"Choose pay as you go or a fixed plan: only those have an IP allowlist, ACL and daily backups, and are not archived after 30 idle days.")
	}
	return pass("plan %s", s.Type)
}

// setting makes an item of a func that judges what the account says; where names the
// place in Upstash's console. A setting that is not told is for a person.
func setting(where string, judge func(s upstash.Settings, d *database) (f Finding, told bool)) func(context.Context, *run, *database) Finding {
	return func(ctx context.Context, r *run, d *database) Finding {
		if s, ok, err := d.settings(ctx, r); ok && err == nil {
			if f, told := judge(s, d); told {
				return f
			}
		}
		return manual("it cannot be told", "Confirm it in the Upstash console, "+where+", or let upstash.account pass.")
	}
}

// switched makes an item of a switch that should be on, or off. Those of paid plans are
// not asked about on the free one.
func switched(where string, of func(upstash.Settings) *bool, want, paid bool, reason string) func(context.Context, *run, *database) Finding {
	word := map[bool]string{true: "on", false: "off"}
	return setting(where, func(s upstash.Settings, _ *database) (Finding, bool) {
		on := of(s)
		switch {
		case paid && s.Type == "free":
			return skip("the free plan does not have it"), true
		case on == nil:
			return Finding{}, false
		case *on == want:
			return pass("it is %s", word[want]), true
		}
		return warn(reason, "it is "+word[*on], "Turn it "+word[want]+" in the Upstash console, "+where+", or note why not, and sign."), true
	})
}

// budgeted judges what limits the cost of the month.
func budgeted(s upstash.Settings, _ *database) (Finding, bool) {
	switch {
	case s.Type == "":
		return Finding{}, false
	case s.Type != "payg":
		return pass("plan %s has a fixed price", s.Type), true
	case s.Budget == nil:
		return Finding{}, false
	case *s.Budget <= 0:
		return warn("nothing limits the cost of a month", "no budget", "Set a budget in the Upstash console, Usage, and watch it with the check budget."), true
	}
	return pass("$%g a month, at which Upstash suspends the database", *s.Budget), true
}

// placed compares the account's regions with the configured one.
func placed(s upstash.Settings, d *database) (Finding, bool) {
	if s.PrimaryRegion == "" {
		return Finding{}, false
	}
	evidence := fmt.Sprintf("primary %s, read regions: %s", s.PrimaryRegion, strings.Join(append(s.ReadRegions, "none")[:max(1, len(s.ReadRegions))], ", "))
	if d.Region != "" && d.Region != s.PrimaryRegion {
		return warn("the database is not where the configuration says", evidence+"; configured: "+d.Region, "Correct the database's region in the configuration."), true
	}
	return pass("%s", evidence), true
}

// decided leaves it to a person whether the price of Prod Pack is worth a second zone.
func decided(s upstash.Settings, _ *database) (Finding, bool) {
	switch {
	case s.ProdPack == nil:
		return Finding{}, false
	case *s.ProdPack:
		return pass("it is on"), true
	}
	return manual("the database runs in one zone, without an SLA", "Turn Prod Pack on in the Upstash console ($200 a month), or sign that one zone is enough."), true
}

func rotated(context.Context, *run, *database) Finding {
	return manual("no interface tells how old a token is",
		"Reset the credentials in the Upstash console when somebody leaves who knew them, and at least once a year; this ends the old token at once.",
		"Store the new token in the secret store, then deploy the app and pongwatch.")
}
