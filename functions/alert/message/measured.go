package message

import (
	"fmt"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/change"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// explain says what was changed before a failure: "3 min before: backend-00042 got 100 % of the
// traffic". It says nothing where nothing was found.
func (m *Message) explain(i incident.Incident) {
	if i.Changed == nil {
		return
	}
	before := i.Failing().Sub(i.Changed.At)
	when := text.Duration(before) + " before"
	if before < time.Minute {
		when = "just before"
	}
	m.Changed = when + ": " + text.Clip(i.Changed.What, 200)
	m.Notes = append(m.Notes, Note{Text: "Changed " + m.Changed + "."})
}

// When users notice: a share of errors that has at least doubled, or latencies that have.
const (
	fewErrors  = 0.01 // below it, errors are no impact
	fewCalls   = 10   // fewer requests prove nothing
	slower     = 2.0
	slowerByMS = 500
)

// measuredImpact says what users were seen to notice: "backend answers 38 % 5xx since 18:21 (0.2 %
// before), about 410 requests", or that they notice nothing. It is empty where that is not known.
func measuredImpact(i incident.Incident, now time.Time) string {
	var parts, well []string
	unknown := false
	for _, m := range i.Impacts {
		switch said, known := notice(m, i.Failing(), now); {
		case said != "":
			parts = append(parts, said)
		case known:
			well = append(well, fmt.Sprintf("%s answers as before, %s", m.Service, requests(m.During.Requests)))
		default:
			unknown = true
		}
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, ". ")
	case len(well) > 0 && !unknown:
		return "No user impact seen: " + strings.Join(well, "; ")
	}
	return ""
}

// notice says what users of one service notice, empty for nothing; known is false where the
// figures prove neither.
func notice(m report.Impact, began, now time.Time) (said string, known bool) {
	errs, calls := m.During.Errors, m.During.Requests
	// The health page answers pongwatch with a 503 while Redis is down.
	own := min(errs, m.Own)
	errs, calls = errs-own, calls-own
	if calls <= 0 {
		return "", false
	}
	rate, before := float64(errs)/float64(calls), 0.0
	if m.Before.Requests > 0 {
		before = float64(m.Before.Errors) / float64(m.Before.Requests)
	}
	since := "since " + text.Clock(m.Since, now)
	if m.Since.After(began) && now.Sub(m.Since) > change.Window { // the failure is older than what was measured
		since = "in the last " + text.Duration(now.Sub(m.Since))
	}
	was := func(value string) string {
		if m.Before.Requests == 0 {
			return ""
		}
		return " (" + value + " before)"
	}
	switch {
	case rate >= fewErrors && rate >= 2*before:
		return fmt.Sprintf("%s answers %s 5xx %s%s, about %s", m.Service, share(rate), since, was(share(before)), requests(errs)), true
	case m.Before.P95 > 0 && m.During.P95 >= slower*m.Before.P95 && m.During.P95 >= m.Before.P95+slowerByMS:
		return fmt.Sprintf("5 %% of %s's requests take %s or more %s%s", m.Service, quantity(m.During.P95, report.Milliseconds), since, was(quantity(m.Before.P95, report.Milliseconds))), true
	}
	// Errors that pongwatch's own requests may explain prove nothing, and neither do few requests.
	return "", own == 0 && calls >= fewCalls && m.Before.Requests > 0 && rate <= max(before, fewErrors/10)
}

// share returns a share as on-call says it: "38 %", "0.2 %".
func share(v float64) string {
	if v >= 0.1 && v <= 0.99 || v >= 1 {
		return fmt.Sprintf("%.0f %%", v*100)
	}
	return quantity(v, report.Ratio)
}

func requests(n int64) string {
	if n == 1 {
		return "1 request"
	}
	return text.Thousands(n) + " requests"
}
