package preflight

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// settings are what the owner of a database chose in Upstash's console. A switch is true or
// "true" (https://upstash.com/docs/devops/developer-api/redis/get_database).
type settings struct {
	ID       string   `json:"database_id"`
	Type     string   // the plan: "free", "payg", "pro" or "paid"
	Budget   any      // dollars a month
	TLS      any      `json:"tls"`
	Eviction any      `json:"eviction"`
	Backups  any      `json:"daily_backup_enabled"`
	ProdPack any      `json:"prod_pack_enabled"`
	ACL      any      `json:"db_acl_enabled"`
	Primary  string   `json:"primary_region"`
	Read     []string `json:"read_regions"`
	Allowed  []string `json:"allowed_ips"`
	Addons   struct {
		IPs any `json:"ipWhitelisting"`
	} `json:"securityAddons"`
}

// settings asks the account, once for each database. ok is false without a configured account.
func (d *database) settings(ctx context.Context, r *run) (s settings, ok bool, err error) {
	m := r.Config.Management
	if !m.Configured() || d.DatabaseID == "" {
		return s, false, nil
	}
	if d.account == nil {
		d.account = sync.OnceValues(func() (s settings, err error) {
			email, err := m.Email.Get(ctx, r.Secrets)
			if err != nil {
				return s, err
			}
			key, err := m.APIKey.Get(ctx, r.Secrets)
			if err != nil {
				return s, err
			}
			r.known = append(r.known, key.Value)
			options := r.Upstash
			options.URL, options.Token = m.URL, key.Value
			client, err := upstash.NewManagement(email.Value.Reveal(), options)
			if err != nil {
				return s, err
			}
			defer client.CloseIdleConnections()
			body, err := client.DatabaseJSON(ctx, d.DatabaseID)
			// A field of another type is not told, and of what is no JSON, nothing is.
			if decoded(body, &s); err == nil && s.ID == "" {
				err = errors.New("reading the account: the answer is not what the API documents")
			}
			return s, err
		})
	}
	s, err = d.account()
	return s, true, err
}

// account fails with a wrong key or id. An API that does not answer says nothing of the
// database.
func account(ctx context.Context, r *run, d *database) Finding {
	s, ok, err := d.settings(ctx, r)
	e, answered := errors.AsType[*upstash.Error](err)
	switch {
	case !ok:
		return manual("the settings cannot be told without Upstash's management API", "Configure management.email, management.api_key (a read-only key is enough) and the database's database_id.",
			"A database of Vercel or Fly has no such API: confirm each of these items in its console.")
	case answered && e.Status/100 == 4:
		return broken(err)
	case err != nil:
		return because(Warn, cause.MonitorManagement, err.Error())
	case s.Type == "free":
		return pass("plan free: without IP allowlist, ACL and daily backups, and archived after 30 idle days")
	}
	return pass("plan %s", s.Type)
}

// setting makes an item of a func that judges what the account says; where names the
// place in Upstash's console. A setting that is not told is for a person.
func setting(where string, judge func(s settings, d *database) (f Finding, told bool)) func(context.Context, *run, *database) Finding {
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
func switched(where string, of func(settings) any, want, paid bool, reason string) func(context.Context, *run, *database) Finding {
	return setting(where, func(s settings, _ *database) (Finding, bool) {
		value := of(s)
		on := value == true || value == "true"
		word := map[bool]string{true: "on", false: "off"}
		switch {
		case paid && s.Type == "free":
			return skip("the free plan does not have it"), true
		case !on && value != false && value != "false":
			return Finding{}, false
		case on == want:
			return pass("it is %s", word[on]), true
		}
		return warn(reason, "it is "+word[on], "Turn it "+word[want]+" in the Upstash console, "+where+", or note why not, and sign."), true
	})
}

func allowlist(s settings) any {
	if len(s.Allowed) > 0 {
		return true
	}
	return s.Addons.IPs
}

// budgeted judges what limits the cost of the month.
func budgeted(s settings, _ *database) (Finding, bool) {
	budget, told := s.Budget.(float64)
	switch {
	case s.Type == "" || s.Type == "payg" && !told:
		return Finding{}, false
	case s.Type != "payg":
		return pass("plan %s has a fixed price", s.Type), true
	case budget <= 0:
		return warn("nothing limits the cost of a month", "no budget", "Set a budget in the Upstash console, Usage, and watch it with the check budget."), true
	}
	return pass("$%g a month, at which Upstash suspends the database", budget), true
}

// placed compares the account's regions with the configured one.
func placed(s settings, d *database) (Finding, bool) {
	if s.Primary == "" {
		return Finding{}, false
	}
	evidence := fmt.Sprintf("primary %s, read regions: %s", s.Primary, strings.Join(append(s.Read, "none")[:max(1, len(s.Read))], ", "))
	if d.Region != "" && d.Region != s.Primary {
		return warn("the database is not where the configuration says", evidence+"; configured: "+d.Region, "Correct the database's region in the configuration."), true
	}
	return pass("%s", evidence), true
}

// decided leaves it to a person whether the price of Prod Pack is worth a second zone.
func decided(s settings, _ *database) (Finding, bool) {
	if s.ProdPack == true {
		return pass("it is on"), true
	}
	return manual("the database runs in one zone, without an SLA", "Turn Prod Pack on in the Upstash console ($200 a month), or sign that one zone is enough."), s.ProdPack == false
}
