package alert

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/notify"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/text"
)

// How long one message contends for a state, and how much it may claim at once.
const (
	contendTries = 8
	contendFor   = 5 * time.Second
	contendPause = 100 * time.Millisecond // the first pause's most; it doubles
	storeTimeout = 10 * time.Second
	claimMost    = 200 // documents not counted, see notify.Claim
	passes       = 4
)

// A state has at most stateMost bytes when it is committed, so that recording what was sent
// fits as well. A larger one is cut to cutTo, and below stateFits it has space again.
const (
	stateMost = store.MaxData - 50_000
	cutTo     = stateMost - 50_000
	stateFits = cutTo - 50_000
)

// errStore says that the store failed.
var errStore = errors.New("store failed")

// errUnreadable says that a state cannot be decoded. The next message sets it aside.
var errUnreadable = errors.New("state cannot be decoded")

// apply brings one shard up to date with an input and sends what is owed. It
// returns nil once the state is committed, whatever becomes of the deliveries.
func (f *Function) apply(ctx context.Context, shard string, in Input) error {
	if shard == "" {
		return nil
	}
	defer f.endLastResorts(ctx)
	var state incident.State
	if len(in.Arriving)+len(in.Left) == 0 { // otherwise two shards that swap databases would never end
		defer func() { f.handOver(ctx, shard, state.Leaving) }()
	}
	for pass := range passes {
		if deadline, limited := ctx.Deadline(); pass > 0 && limited && time.Until(deadline) < f.options.Lease/sendShare {
			return nil // the next tick sends the rest
		}
		next, notices, err := f.commit(ctx, shard, in)
		if err == nil {
			state = next
		}
		if err != nil && pass > 0 {
			f.log.WarnContext(ctx, "remaining deliveries deferred to the next tick", "shard", shard, "error", err)
			return nil // the message itself was committed
		}
		if err != nil || len(notices) == 0 {
			return err
		}
		health := f.deliver(ctx, shard, notices)
		refused := slices.ContainsFunc(health, func(h ReceiverHealth) bool { return h.Problem != "" }) // the fallback is due
		f.mu.Lock()
		known := f.refusing
		f.mu.Unlock()
		in = Input{Receivers: slices.DeleteFunc(health, func(h ReceiverHealth) bool { // it works, as was known
			return h.Problem == "" && known != nil && !slices.Contains(known, h.Address)
		})}
		f.passOn(ctx, shard, in.Receivers)
		if shard != f.first {
			in.Receivers = nil
		}
		notices = slices.DeleteFunc(notices, func(n incident.Notice) bool { return n.Address == incident.Documents })
		if !refused && len(in.Receivers) == 0 && len(notices) < claimMost {
			return nil
		}
	}
	return nil
}

// passOn tells the other shards about receivers: the first one, which holds the incident about
// them, everything, and all others who works again. A failure loses only that note.
func (f *Function) passOn(ctx context.Context, from string, health []ReceiverHealth) {
	works := slices.DeleteFunc(slices.Clone(health), func(h ReceiverHealth) bool { return h.Problem != "" })
	for _, shard := range f.config.ShardNames() { // the first one first
		in := Input{Receivers: works}
		if shard == f.first {
			in.Receivers = health
		}
		if shard == from || len(in.Receivers) == 0 {
			continue
		}
		if err := f.apply(ctx, shard, in); err != nil {
			f.log.WarnContext(ctx, "receiver health is not noted", "shard", shard, "error", err)
		}
	}
}

// attempt is one try to commit, remembered in case only its answer was lost.
type attempt struct {
	owner   string
	notices []incident.Notice
}

// commit reads the state, steps, claims and writes, until no other worker has written
// in between. It returns what the state is then. The notices are this call's alone to send.
func (f *Function) commit(ctx context.Context, shard string, in Input) (incident.State, []incident.Notice, error) {
	began := time.Now()
	var made []attempt
	for try := 0; ; try++ {
		state, notices, err := f.tryCommit(ctx, shard, in, &made)
		if errors.Is(err, incident.ErrTooLarge) && !in.cut { // nothing was written
			in.cut = true
			continue
		}
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, errStore) {
			return state, notices, err
		}
		if try+1 == contendTries || time.Since(began) > contendFor || sleep(ctx, f.options.Jitter(contendPause<<try)) != nil {
			return state, nil, fmt.Errorf("committing the state of shard %s: %w", shard, err)
		}
	}
}

func (f *Function) tryCommit(ctx context.Context, shard string, in Input, made *[]attempt) (incident.State, []incident.Notice, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	state, doc, aside, err := f.read(ctx, shard)
	if err != nil {
		return state, nil, err
	}
	for _, a := range *made {
		if state.Owner == a.owner || notify.Leased(state, a.owner) {
			f.options.Observe(Committed)
			return state, a.notices, nil // it was written after all
		}
	}
	f.options.Observe(Got)
	if aside != "" {
		in.SetAside = "kept as " + aside
	}
	now, p := f.now(), f.policy(shard)
	if by := ahead(state, p, now); by > 0 {
		f.log.WarnContext(ctx, "the clock has stepped back: stored times lie in the future and are corrected", "event", "clock", "shard", shard, "ahead_ms", by.Milliseconds())
	}
	in.Fits = len(doc.Data) < stateFits
	if slices.Contains(f.config.Changes, config.ChangesConfiguration) {
		in.Configuration = f.hash
	}
	next, transitions := Step(state, in, p, now)
	if in.cut {
		next, transitions = f.cut(ctx, next, transitions, p, now)
	}
	f.trends(ctx, shard, next, transitions)
	f.options.Observe(Stepped)
	owner := rand.Text()
	next, notices := notify.Claim(next, now, owner, f.options.Lease, claimMost)
	f.options.Observe(Claimed)
	f.undelivered(ctx, next, p, now)
	if shard == f.first {
		f.mu.Lock()
		f.refusing = refusing(next)
		f.mu.Unlock()
	}
	if len(notices) == 0 && incident.Equal(state, next) {
		return next, nil, nil // a tick with nothing due writes nothing
	}
	*made = append(*made, attempt{owner, notices})
	if err := f.write(ctx, doc, next, owner); err != nil {
		return next, nil, err
	}
	f.mu.Lock() // what was sent without a store has ended
	f.ended = append(f.ended, f.unended[shard]...)
	delete(f.unended, shard)
	f.mu.Unlock()
	f.logTransitions(ctx, shard, transitions)
	return next, notices, nil
}

// cut returns the state without what its document has no room for, with the incident that says
// so. It comes before the claim, because otherwise what is cut would be told with every report.
func (f *Function) cut(ctx context.Context, s incident.State, transitions []notify.Transition, p policy.Policy, now time.Time) (incident.State, []notify.Transition) {
	s, lost := cut(s, cutTo)
	if len(lost) == 0 {
		return s, transitions
	}
	var names []string
	for _, key := range lost {
		names = append(names, key.String())
	}
	f.log.ErrorContext(ctx, "state does not fit its document and is cut", "event", "cut", "shard", s.Shard, "lost", len(lost), "series", names)
	transitions = slices.DeleteFunc(transitions, func(t notify.Transition) bool { return slices.Contains(lost, t.Series) })
	s, more := Step(s, Input{Cut: fmt.Sprintf("the state of shard %s does not fit its document; not watched: %s: %s",
		s.Shard, text.Count(len(lost), "series", "series"), strings.Join(names[:min(len(names), 20)], ", "))}, p, now)
	return s, append(transitions, more...)
}

// read returns the state of a shard. If it cannot be decoded, read keeps it under another
// key, which it returns with a new state.
func (f *Function) read(ctx context.Context, shard string) (state incident.State, doc store.Doc, aside string, err error) {
	key := incident.StateKey(shard)
	doc, err = f.store.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return incident.New(shard, f.now()), store.Doc{Key: key}, "", nil
	}
	if err != nil {
		return incident.State{}, doc, "", fmt.Errorf("%w: %w", errStore, err)
	}
	state, err = incident.Decode(doc.Data)
	if err == nil {
		return state, doc, "", nil
	}
	f.log.ErrorContext(ctx, "state cannot be decoded and is set aside", "event", "set_aside", "shard", shard, "error", err)
	aside, err = f.setAside(ctx, shard, doc)
	if err != nil {
		return incident.State{}, doc, "", fmt.Errorf("setting the state aside: %w: %w", errStore, err)
	}
	return incident.New(shard, f.now()), doc, aside, nil
}

// setAside keeps an unreadable state. Its key follows from its version, so that
// doing it twice keeps it once.
func (f *Function) setAside(ctx context.Context, shard string, doc store.Doc) (string, error) {
	version := strings.Map(func(c rune) rune {
		if c < '0' || c > '9' && c < 'A' || c > 'Z' && c < 'a' || c > 'z' {
			return '-' // a segment of a key holds nothing else
		}
		return c
	}, doc.Version)
	key := fmt.Sprintf("aside/v1/%s/%.64s", shard, version)
	_, err := f.store.Put(ctx, store.Doc{Key: key, Data: doc.Data, Schema: doc.Schema})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return "", err
	}
	return key, nil
}

// write commits a state. When an answer is lost, the stored owner shows whether it was
// written.
func (f *Function) write(ctx context.Context, doc store.Doc, s incident.State, owner string) error {
	doc, err := encoded(doc, s, owner)
	if err != nil {
		return err
	}
	if len(doc.Data) > stateMost {
		return fmt.Errorf("writing %s: %d bytes, at most %d: %w", doc.Key, len(doc.Data), stateMost, incident.ErrTooLarge)
	}
	f.options.Observe(Committing)
	_, err = f.store.Put(ctx, doc)
	switch {
	case err == nil:
	case errors.Is(err, store.ErrConflict):
		return err
	case f.wrote(ctx, doc.Key, owner):
	default:
		return fmt.Errorf("%w: %w", errStore, err)
	}
	f.options.Observe(Committed)
	return nil
}

// update writes what change makes of a stored state, unless it is what the state was, or was made so
// by an earlier attempt whose answer was lost.
func (f *Function) update(ctx context.Context, shard string, change func(incident.State) incident.State) error {
	doc, err := f.store.Get(ctx, incident.StateKey(shard))
	if err != nil {
		return err
	}
	s, err := incident.Decode(doc.Data)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnreadable, err)
	}
	next := change(s)
	if incident.Equal(s, next) {
		return nil
	}
	if doc, err = encoded(doc, next, ""); err == nil {
		_, err = f.store.Put(ctx, doc)
	}
	return err
}

// encoded returns the document with a new version of its state.
func encoded(doc store.Doc, s incident.State, owner string) (store.Doc, error) {
	s.Counter++
	s.Owner = owner
	var err error
	doc.Schema = incident.Schema
	doc.Data, err = incident.Encode(s)
	return doc, err
}

// wrote reports whether owner was the last to write the state under key. The caller's
// context may be over, so wrote has a time limit of its own.
func (f *Function) wrote(ctx context.Context, key, owner string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout/2)
	defer cancel()
	doc, err := f.store.Get(ctx, key)
	if err != nil {
		return false
	}
	s, err := incident.Decode(doc.Data)
	return err == nil && (s.Owner == owner || notify.Leased(s, owner))
}

// TakeOver is called before the first message by a process that holds its store alone, as
// `pongwatch local` holds its file. What an earlier process has claimed may be sent at once,
// because that process is dead. setAside says which file could not be read and where it is
// kept, empty for none; it opens an incident.
func (f *Function) TakeOver(ctx context.Context, setAside string) error {
	for _, shard := range f.storedShards(ctx) {
		err := f.update(ctx, shard, withoutLeases)
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, errUnreadable) {
			return fmt.Errorf("ending the claims of an earlier process: %w", err)
		}
	}
	if setAside == "" {
		return nil
	}
	if err := f.apply(ctx, f.first, Input{SetAside: setAside}); err != nil {
		return fmt.Errorf("opening the incident about what was set aside: %w", err)
	}
	return nil
}

// withoutLeases voids what is claimed. A claim also sets when the next try may begin, for the case
// of a crash.
func withoutLeases(s incident.State) incident.State {
	s = s.Clone()
	for t := range s.Threads() {
		for address, d := range t.Deliveries {
			if d.Lease.Owner != "" {
				d.Lease, d.NotBefore = incident.Lease{}, time.Time{}
				t.Deliveries[address] = d
			}
		}
	}
	return s
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
