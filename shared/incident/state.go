// Package incident holds what Alert remembers of a shard: sources, series, incidents,
// groups, and what each receiver was told. It also holds the policy by which Alert
// decides, and the JSON in which other functions read the state.
//
//	observation → source → series → incident → thread → delivery
package incident

import (
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// State is everything that Alert remembers about one shard. It is sparse: it holds only
// series that are not plainly good, and incidents until their reopening window is over
// and all receivers have been told. A series that is absent was good in the last report
// in which its check was due.
type State struct {
	Shard string `json:"shard"`
	// Counter and Owner change with every write, so that a writer whose answer was
	// lost can find out whether it has written.
	Counter uint64 `json:"counter"`
	Owner   string `json:"owner"`
	// Created is when this state was made.
	Created time.Time `json:"created"`

	// Jobs holds the last run of each "job@region".
	Jobs map[string]JobState `json:"jobs,omitempty"`
	// Series holds what is not plainly good. It, Incidents and Groups are stored as lists.
	Series map[report.Series]*SeriesState `json:"-"`
	// Incidents and Groups are keyed by full id.
	Incidents map[string]*Incident `json:"-"`
	Groups    map[string]*Group    `json:"-"`
	Silences  []Silence            `json:"silences,omitempty"`
	// Commands holds the ids of the commands applied lately, with their time.
	Commands map[string]time.Time `json:"commands,omitempty"`
	// Canary is when each region's network canary last succeeded.
	Canary map[string]time.Time `json:"canary,omitempty"`
	// Changes are those of the last hour that reports have told, and Configuration is the hash of Alert's own
	// configuration. Both are empty where the configuration does not ask for them.
	Changes       []report.Change `json:"changes,omitempty"`
	Configuration string          `json:"configuration,omitempty"`
	// Leaving holds, by database, the part of this state that another shard is to have, as
	// EncodePart writes it. It is kept until it is there.
	Leaving map[string]string `json:"leaving,omitempty"`
}

// New returns the empty state of a shard.
func New(shard string, now time.Time) State {
	return State{Shard: shard, Created: now.UTC().Truncate(time.Millisecond)}.Clone()
}

// Threads returns the threads of all incidents and groups, in no order.
func (s State) Threads() iter.Seq[*Thread] {
	return func(yield func(*Thread) bool) {
		for _, i := range s.Incidents {
			if !yield(&i.Thread) {
				return
			}
		}
		for _, g := range s.Groups {
			if !yield(&g.Thread) {
				return
			}
		}
	}
}

// JobState is what is known of one job in one region.
type JobState struct {
	// Scheduled is the newest run seen. Equal or older ones change nothing.
	Scheduled time.Time `json:"scheduled,omitzero"`
	// Expected is since when a job that has never run is waited for.
	Expected time.Time `json:"expected,omitzero"`
	// Late is when the next run was first found to be overdue. Silence counts from then,
	// because Alert itself may have been down before.
	Late  time.Time     `json:"late,omitzero"`
	Every time.Duration `json:"every,omitempty"`
}

// SeriesState is what is known of one series.
type SeriesState struct {
	// Sources is sorted by Source.
	Sources []SourceState `json:"sources,omitempty"`
	// Incident is the id of the series' open incident, or of the last one while
	// that could still be reopened.
	Incident string `json:"incident,omitempty"`
	// Held says why a confirmed failure has not been opened: "ping" when the
	// database's ping explains it, "write" when its refused writes do, "vote" while other
	// regions have yet to report.
	Held string `json:"held,omitempty"`
	// HeldAt is when the wait for other regions began.
	HeldAt time.Time `json:"held_at,omitzero"`
	// LastBad is when a source was last bad.
	LastBad time.Time `json:"last_bad,omitzero"`
	// LastOK is when the series was last known good: the newest good observation
	// before the failure, or the last report that left the series out as good.
	LastOK time.Time `json:"last_ok,omitzero"`
}

// SourceState is the latest observation of one source and its own thresholds.
type SourceState struct {
	Source string `json:"source,omitempty"`
	// Scheduled is the run of the latest decided observation; for signals, which
	// have no runs, when it was made. Equal or older ones change nothing.
	Scheduled time.Time `json:"scheduled,omitzero"`
	// Seen is when the source last reported, unknown included.
	Seen time.Time `json:"seen,omitzero"`
	// UnknownSince is when the source stopped giving decided answers, zero while it does.
	UnknownSince time.Time     `json:"unknown_since,omitzero"`
	Every        time.Duration `json:"every,omitempty"`

	Status report.Status `json:"status,omitempty"`
	Cause  cause.Cause   `json:"cause,omitempty"`

	// History holds the last decided results, the newest in bit 0, 1 is bad; Known is how many there were since the source was last closed.
	History uint32 `json:"history,omitempty"`
	Known   int    `json:"known,omitempty"`
	// Bad and Good count the latest decided results in a row: bad ones, and ones
	// beyond the closing threshold.
	Bad  int `json:"bad,omitempty"`
	Good int `json:"good,omitempty"`
	// Runs counts the bad results since Since, Alike those in a row with the same
	// cause and status.
	Runs  int `json:"runs,omitempty"`
	Alike int `json:"alike,omitempty"`
	// Down says that the source has passed its opening threshold and not yet its
	// closing one.
	Down bool `json:"down,omitempty"`
	// Since is the first bad observation of the present failure.
	Since time.Time `json:"since,omitzero"`

	// Observation is kept while the source is bad, for the message.
	Observation *report.Observation `json:"observation,omitempty"`
}

// Silence stops new notifications of what it matches.
type Silence struct {
	ID string `json:"id"`
	// Incident, where set, is the full id of the incident or group it is for.
	Incident string `json:"incident,omitempty"`
	// Series matches otherwise; an empty Check or Subject matches all.
	Series report.Series `json:"series,omitzero"`
	Until  time.Time     `json:"until"`
	At     time.Time     `json:"at"`
	By     string        `json:"by"`
	Via    string        `json:"via,omitempty"`
	Reason string        `json:"reason,omitempty"`
}

// Ack says who has taken an incident.
type Ack struct {
	By  string    `json:"by"`
	Via string    `json:"via,omitempty"`
	At  time.Time `json:"at"`
}

// Thread is the state of the notifications about an incident or a group.
type Thread struct {
	// Rev is raised by every notifiable change.
	Rev int `json:"rev"`
	// Marks holds, per event, the revision at which it last happened.
	Marks Marks `json:"marks,omitempty"`
	// Deliveries is the outbox: one level for each receiver's address.
	Deliveries map[string]Delivery `json:"deliveries,omitempty"`

	Ack *Ack `json:"ack,omitempty"`
	// SilencedUntil, SilencedBy and SilencedVia are of the silence in force, for messages.
	SilencedUntil time.Time `json:"silenced_until,omitzero"`
	SilencedBy    string    `json:"silenced_by,omitempty"`
	SilencedVia   string    `json:"silenced_via,omitempty"`
	// Suppressed says why nothing new is told: "silenced", "maintenance", or empty.
	Suppressed string `json:"suppressed,omitempty"`
	// Window is the maintenance window in force, for people.
	Window string `json:"window,omitempty"`
	// Withheld says that something was kept back while Suppressed.
	Withheld bool `json:"withheld,omitempty"`

	// Reminded counts the reminders; RemindAt is when the next one is due, zero for never.
	Reminded int       `json:"reminded,omitempty"`
	RemindAt time.Time `json:"remind_at,omitzero"`
	// Escalated is when the escalation receivers were added.
	Escalated time.Time `json:"escalated,omitzero"`
	// Generation counts how often what is open became news again: it is more severe, or later
	// members of a group fail. Each is an alert of its own to a receiver in which the one before may
	// have been acknowledged. Renewed is when an acknowledge became void by one.
	Generation int       `json:"generation,omitempty"`
	Renewed    time.Time `json:"renewed,omitzero"`
	// Timeline is what happened and who was told, in order.
	Timeline []Moment `json:"timeline,omitempty"`
	// Edited is when the messages were last due to change silently.
	Edited time.Time `json:"edited,omitzero"`
}

// Incident is one series from its first confirmed failure to its resolution.
type Incident struct {
	// ID is the full id: sortable by opening time, a valid key segment. ShortID is
	// the form for people.
	ID     string        `json:"id"`
	Series report.Series `json:"series"`
	Thread

	Severity cause.Severity `json:"severity"`
	Status   report.Status  `json:"status"`
	Cause    cause.Cause    `json:"cause"`
	// Previous is the cause before the last change of cause.
	Previous cause.Cause `json:"previous_cause,omitempty"`
	// CauseTold is when each class was last announced. Otherwise two causes that take turns
	// would be announced each time.
	CauseTold map[cause.Class]time.Time `json:"cause_told,omitempty"`

	// Observation is the latest bad one, of the source that says most.
	Observation report.Observation `json:"observation"`
	// Down names the sources that are down, Voters all that reported lately.
	Down   []string `json:"down,omitempty"`
	Voters []string `json:"voters,omitempty"`
	// Runs counts the failed runs.
	Runs int `json:"runs,omitempty"`

	// Since is the first failed observation, LastOK the last good one before it, or before Again
	// (zero where unknown).
	Since  time.Time `json:"since"`
	LastOK time.Time `json:"last_ok,omitzero"`
	// Opened is when the failure was confirmed, Resolved when its end was; zero while open.
	Opened   time.Time `json:"opened"`
	Resolved time.Time `json:"resolved,omitzero"`
	// Again is the first failed observation since it was last good for a while, zero where it never
	// was. Good is since when it has been good although it is held open. Before is how long it had
	// failed before Again.
	Again  time.Time     `json:"again,omitzero"`
	Good   time.Time     `json:"good,omitzero"`
	Before time.Duration `json:"before,omitempty"`
	// Gone says that it was closed because the series is no longer configured.
	Gone bool `json:"gone,omitempty"`

	// Reopened counts the reopenings, Reopenings holds the latest times.
	Reopened   int         `json:"reopened,omitempty"`
	Reopenings []time.Time `json:"reopenings,omitempty"`
	// Unstable and Flapping hold the incident open while it is noisy.
	Unstable bool `json:"unstable,omitempty"`
	Flapping bool `json:"flapping,omitempty"`

	// Group is the group that tells for it, empty where it tells for itself.
	Group string `json:"group,omitempty"`
	// Mock lists the services in mock mode during a ping incident, sorted, with the kinds of
	// evidence: "backend (app, event, logs)".
	Mock []string `json:"mock,omitempty"`
	// Sparkline is the last hour's latency before the opening, as text.
	Sparkline string `json:"sparkline,omitempty"`
	// Changed is the change that most likely explains it, nil where none is known.
	Changed *report.Change `json:"changed,omitempty"`
	// Impacts is what users notice, by service.
	Impacts []report.Impact `json:"impacts,omitempty"`
	// Drill says that a person asked for it. DrillFor names the one receiver to tell.
	Drill    bool   `json:"drill,omitempty"`
	DrillFor string `json:"drill_for,omitempty"`
	// RedisAnswers says that Redis answered when a mock_mode incident opened, so that the app
	// is at fault. RedisBack is when the outage ended that left the app in mock mode.
	RedisAnswers bool      `json:"redis_answers,omitempty"`
	RedisBack    time.Time `json:"redis_back,omitzero"`
	// Stale is when it was last confirmed, zero while it is: of an app, nothing can be asked any
	// more that would say that it is over, of another check there was no decided answer for long.
	Stale time.Time `json:"stale,omitzero"`
	// Resumed is when a silence or maintenance of it ended last.
	Resumed time.Time `json:"resumed,omitzero"`
}

// Open reports whether the incident has not been resolved.
func (i Incident) Open() bool { return i.Resolved.IsZero() }

// Short returns the id for people: "INC-7F3A9K".
func (i Incident) Short() string { return ShortID(i.ID) }

// Duration is how long it has failed by now, without the time in which it was good.
func (i Incident) Duration(now time.Time) time.Duration {
	if !i.Open() {
		now = i.Resolved
	}
	if !i.Good.IsZero() {
		now = i.Good
	}
	return i.Before + max(0, now.Sub(i.Failing()))
}

// ToldSince is since when people have been told of what is open now. An unstable incident counts from
// its beginning, because otherwise noise would keep it from being escalated.
func (i Incident) ToldSince() time.Time {
	reopened := time.Time{}
	if n := len(i.Reopenings); n > 0 && !i.Unstable {
		reopened = i.Reopenings[n-1]
	}
	return latest(i.Opened, reopened, i.Resumed, i.Renewed)
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// FailAgain notes that it fails again since then, after it was good from when it was resolved, or
// held open.
func (i *Incident) FailAgain(since time.Time) {
	good := i.Good
	if good.IsZero() {
		good = i.Resolved
	}
	i.Before = i.Duration(good)
	i.Again, i.Good = latest(since, good), time.Time{}
}

// Group is one thread over several incidents of a shard that share severity, class
// of cause and receivers.
type Group struct {
	ID string `json:"id"`
	Thread

	Class    cause.Class    `json:"class"`
	Severity cause.Severity `json:"severity"`
	// Region is set when the members' databases share one configured region and the
	// causes are ones that a region has. Only then it may be called a regional outage.
	Region string `json:"region,omitempty"`
	// Members are incident ids in the order of joining.
	Members []string `json:"members"`
	// Key is what the members have in common, fixed when the group was formed.
	Key string `json:"key"`
	// Joined are the members of the latest Joined event. Waiting are those that joined since
	// and have only been edited in.
	Joined   []string  `json:"joined,omitempty"`
	Waiting  []string  `json:"waiting,omitempty"`
	Since    time.Time `json:"since"`
	Opened   time.Time `json:"opened"`
	Resolved time.Time `json:"resolved,omitzero"`
	// Reopened is when it was last reopened, Resumed when a silence or maintenance of it
	// ended last.
	Reopened time.Time `json:"reopened,omitzero"`
	Resumed  time.Time `json:"resumed,omitzero"`
	// Again is since when it fails again, zero where it was never good. Before is how long it had
	// failed before Again.
	Again  time.Time     `json:"again,omitzero"`
	Before time.Duration `json:"before,omitempty"`
}

// Open reports whether the group has not been resolved.
func (g Group) Open() bool { return g.Resolved.IsZero() }

// Duration is how long it has failed by now, without the time in which it was good.
func (g Group) Duration(now time.Time) time.Duration {
	return Incident{Since: g.Since, Resolved: g.Resolved, Again: g.Again, Before: g.Before}.Duration(now)
}

// FailAgain notes that a resolved group fails again since then.
func (g *Group) FailAgain(since time.Time) {
	g.Before, g.Again = g.Duration(g.Resolved), latest(since, g.Resolved)
}

// Failing is since when it fails now.
func (i Incident) Failing() time.Time { return latest(i.Since, i.Again) }

// ToldSince is since when people have been told of what is open now.
func (g Group) ToldSince() time.Time {
	return latest(g.Opened, g.Reopened, g.Resumed, g.Renewed)
}

// Short returns the id for people: "INC-7F3A9K".
func (g Group) Short() string { return ShortID(g.ID) }

// MockEntry is an entry of [Incident.Mock].
func MockEntry(service string, kinds []string) string {
	if len(kinds) == 0 {
		return service
	}
	return service + mockDetail + strings.Join(kinds, ", ") + ")"
}

// mockDetail is between a service and its evidence; no service's name has it.
const mockDetail = " ("

// MockService returns the service of an entry of [Incident.Mock].
func MockService(entry string) string {
	service, _, _ := strings.Cut(entry, mockDetail)
	return service
}
