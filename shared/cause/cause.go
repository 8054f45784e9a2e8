// Package cause names every reason for which a check can fail, and says what an
// on-call engineer should do about it.
//
// The set is closed: a [Cause] is one of [All], its text lives in one table, and
// the playbook, the alert, the dashboard and the health answer all read that
// table. A cause that this version does not know (a newer function may publish
// one) still renders: see [Cause.Info].
//
// The package imports the standard library only, since everything else imports it.
package cause

import (
	"slices"
	"strings"
)

// Cause is the classified reason of a failure, for example "auth_invalid". Its
// value is stable: it is stored, published and part of a playbook's address.
type Cause string

// How Upstash, the way to it, or its configuration fails.
const (
	DNSNXDomain     Cause = "dns_nxdomain"     // the host name does not exist
	DNSTemporary    Cause = "dns_temporary"    // the resolver did not answer
	TCPRefused      Cause = "tcp_refused"      // nothing listens
	ConnReset       Cause = "conn_reset"       // the connection broke off
	TLS             Cause = "tls"              // no trustworthy TLS connection
	TimeoutConnect  Cause = "timeout_connect"  // no connection in time
	TimeoutResponse Cause = "timeout_response" // connected, no answer in time
	Proxy           Cause = "proxy"            // the egress proxy fails or refuses

	AuthInvalid      Cause = "auth_invalid"       // the token is refused
	AuthUserDisabled Cause = "auth_user_disabled" // the token's user is off
	ReadonlyToken    Cause = "readonly_token"     // the token may not write

	QuotaMonthly Cause = "quota_monthly" // the month's commands are used up
	QuotaDaily   Cause = "quota_daily"   // the day's commands are used up

	QuotaSuspended   Cause = "quota_suspended"    // suspended, as over the budget
	QuotaPlan        Cause = "quota_plan"         // a limit of the plan is reached
	QuotaRateLimited Cause = "quota_rate_limited" // Upstash has limited the database

	StorageFull  Cause = "storage_full"  // writes refused: no space
	MemoryHigh   Cause = "memory_high"   // space runs out
	CommandsHigh Cause = "commands_high" // commands run out

	BandwidthHigh   Cause = "bandwidth_high"   // the month's traffic runs out
	BudgetHigh      Cause = "budget_high"      // the budget runs out
	ConnectionsHigh Cause = "connections_high" // TCP connections run out

	EvictionRisk Cause = "eviction_risk" // keys are dropped silently when full

	ConnectionsFull Cause = "connections_full" // no further TCP client is let in

	WritePaused Cause = "write_paused" // Upstash rejects writes for a while
	Provider5xx Cause = "provider_5xx" // Upstash answers with a server error
	StatsState  Cause = "stats_state"  // the account's database is not active

	ProviderUnready Cause = "provider_unready" // Upstash's server starts or has no leader

	Slow       Cause = "slow"         // PONG, but late
	Throttled  Cause = "throttled"    // too many commands a second
	HitRateLow Cause = "hit_rate_low" // the cache seldom holds what is asked for

	NotUpstash     Cause = "not_upstash"     // something else answered
	CommandBlocked Cause = "command_blocked" // Upstash does not offer the command
	RequestTooBig  Cause = "request_too_big" // request or reply above the plan's limit
	RedisError     Cause = "redis_error"     // an error text that no other cause matches

	ConfigMissing    Cause = "config_missing"    // URL or token is empty
	ConfigScheme     Cause = "config_scheme"     // not an https URL
	ConfigWhitespace Cause = "config_whitespace" // paste artefacts in URL or token
	ConfigInvalid    Cause = "config_invalid"    // any other invalid setting
	ConfigDrift      Cause = "config_drift"      // the Upstash account says something else
	TokenRotated     Cause = "token_rotated"     // a new token works; the app may hold the old one

	Mock           Cause = "mock"            // the app uses an in-memory fake
	LimiterOpen    Cause = "limiter_open"    // the app's rate limiter allows everything
	AppUnreachable Cause = "app_unreachable" // the app's health page did not answer
)

// What checks find in the data itself.
const (
	IsolationViolation Cause = "isolation_violation" // keys outside the workspace prefix
	ValueNotJSON       Cause = "value_not_json"      // values that should be JSON and are not
	RoundTripFailed    Cause = "round_trip_failed"   // a session, cache, limit or queue pattern misbehaves
	WriteMismatch      Cause = "write_mismatch"      // read back something else than was written
)

// What can be wrong with pongwatch itself.
const (
	MonitorSecretDenied      Cause = "monitor_secret_denied"
	MonitorSecretMissing     Cause = "monitor_secret_missing"
	MonitorSecretUnavailable Cause = "monitor_secret_unavailable"
	MonitorConfig            Cause = "monitor_config"
	MonitorStore             Cause = "monitor_store"
	MonitorState             Cause = "monitor_state"
	MonitorMissingReports    Cause = "monitor_missing_reports"
	MonitorPublish           Cause = "monitor_publish"
	MonitorReceiver          Cause = "monitor_receiver"
	MonitorNetwork           Cause = "monitor_network"
	MonitorManagement        Cause = "monitor_management"
	MonitorBudget            Cause = "monitor_budget"
	MonitorPanic             Cause = "monitor_panic"

	Interrupted     Cause = "interrupted"       // the run ended before this check
	NoLongerWatched Cause = "no_longer_watched" // gone from the configuration
	Drill           Cause = "drill"             // a rehearsal, nothing is wrong
	Unknown         Cause = "unknown"           // a failure that could not be classified
)

// Class is the coarse family of a Cause. Incidents of one class are grouped, and
// an incident whose class changes says so in its thread.
type Class string

// The families.
const (
	ClassNetwork     Class = "network"
	ClassAuth        Class = "auth"
	ClassQuota       Class = "quota"
	ClassCapacity    Class = "capacity"
	ClassProvider    Class = "provider"
	ClassPerformance Class = "performance"
	ClassProtocol    Class = "protocol"
	ClassConfig      Class = "config"
	ClassMock        Class = "mock"
	ClassData        Class = "data"
	ClassMonitor     Class = "monitor"
)

// Retry says whether trying again inside the same run can change the answer.
type Retry string

// The retry policies of a run.
const (
	RetryYes   Retry = "yes"   // transient: try again
	RetryOnce  Retry = "once"  // once, with the secret read anew
	RetryNever Retry = "never" // the answer will not change within a run
)

// Info is everything that pongwatch knows about a Cause.
type Info struct {
	Cause Cause
	// Title is the headline, without a full stop: "Redis refuses the token".
	Title string
	// Explanation says in one to three sentences what is wrong and what it does to the app.
	Explanation string
	// Signature says how pongwatch recognises the cause.
	Signature string
	// Fix lists what to do, one imperative sentence a step, the likeliest first. The first
	// step changes nothing that cannot be undone.
	Fix []string
	// Setup lists the steps for what has never worked, such as comparing a URL. They come
	// first there, and last where it has worked before.
	Setup []string
	// Severity is the least severity of an incident with this cause. The check may ask for more.
	Severity Severity
	Class    Class
	// Retry says whether a run tries again.
	Retry Retry
}

// Pages reports whether the cause by itself is worth waking the on-call engineer.
func (i Info) Pages() bool { return i.Severity == SeverityCritical }

// All returns every cause, grouped by class, in the order of the documentation.
func All() []Cause {
	out := make([]Cause, len(table))
	for i, e := range table {
		out[i] = e.Cause
	}
	return out
}

// Parse returns the cause of that name, and whether it is one that this version knows.
func Parse(s string) (Cause, bool) {
	_, ok := index[Cause(s)]
	return Cause(s), ok
}

// Info returns the cause's texts. A cause that this version does not know gets the
// texts of [Unknown] with its own name in the title, so that a message about
// it is still readable. The caller may change the result.
func (c Cause) Info() Info {
	i := c.entry()
	if i.Cause != c {
		if c != "" {
			i.Title += " (" + printable(c) + ")"
		}
		i.Cause = c
	}
	i.Fix, i.Setup = slices.Clone(i.Fix), slices.Clone(i.Setup)
	return i
}

// Steps returns what to do, in the order for what has worked before, or never has.
func (i Info) Steps(worked bool) []string {
	if worked {
		return slices.Concat(i.Fix, i.Setup)
	}
	return slices.Concat(i.Setup, i.Fix)
}

// Playbook returns the path of the cause's page: "/playbooks/auth_invalid". A cause
// without a page of its own gets the page of [Unknown].
func (c Cause) Playbook() string { return "/playbooks/" + string(c.entry().Cause) }

// Class returns the cause's family.
func (c Cause) Class() Class { return c.entry().Class }

// Severity returns the least severity of an incident with this cause.
func (c Cause) Severity() Severity { return c.entry().Severity }

// entry returns the entry of the table, or the one of Unknown.
func (c Cause) entry() Info {
	if i, ok := index[c]; ok {
		return i
	}
	return index[Unknown]
}

// printable keeps a name that arrived from outside harmless wherever a title is
// rendered: letters, digits and underscores, at most 40.
func printable(c Cause) string {
	s := strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, string(c))
	return s[:min(len(s), 40)]
}

var (
	table = slices.Concat(network, auth, quota, capacity, provider, performance, protocol, configuration, mock, data, monitor)
	index = func() map[Cause]Info {
		m := make(map[Cause]Info, len(table))
		for _, i := range table {
			m[i.Cause] = i
		}
		return m
	}()
)
