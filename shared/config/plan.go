package config

import (
	"cmp"

	"github.com/pongwatch/pongwatch/shared/config/document"
)

// Plan is a plan of Upstash with its limits.
type Plan struct {
	Name   string
	Limits Limits
	// DollarsPerMillion is what a million commands costs beyond the fixed price.
	DollarsPerMillion float64
	// DollarsPerMonth is the fixed price.
	DollarsPerMonth float64
}

// planCustom is the plan whose limits the document gives.
const planCustom = "custom"

const (
	kb = document.Bytes(1) << 10
	mb = kb << 10
	gb = mb << 10
	tb = gb << 10
)

// plans are Upstash's.
//
// Source: https://upstash.com/docs/redis/overall/billing (limits as of 2026-06-18),
// https://upstash.com/pricing/redis (prices). A megabyte is 2^20 bytes: INFO of a free
// database says max_data_size:268435456. Fixed plans have no quota of commands.
func plans() []Plan {
	fixed := func(name string, data, bandwidth document.Bytes, perSecond int, request document.Bytes, dollars float64) Plan {
		return Plan{
			Name:            name,
			Limits:          Limits{Memory: data, Bandwidth: bandwidth, CommandsPerSecond: perSecond, Request: request},
			DollarsPerMonth: dollars,
		}
	}
	return []Plan{
		{Name: "free", Limits: Limits{Memory: 256 * mb, Commands: 500_000, Bandwidth: 10 * gb, CommandsPerSecond: 10_000, Request: 10 * mb}},
		{Name: "payg", Limits: Limits{Memory: 100 * gb, Bandwidth: 200 * gb, CommandsPerSecond: 10_000, Request: 10 * mb}, DollarsPerMillion: 2},
		fixed("fixed-250mb", 250*mb, 50*gb, 10_000, 10*mb, 10),
		fixed("fixed-1gb", 1*gb, 100*gb, 10_000, 10*mb, 20),
		fixed("fixed-5gb", 5*gb, 500*gb, 10_000, 20*mb, 100),
		fixed("fixed-10gb", 10*gb, 1*tb, 10_000, 30*mb, 200),
		fixed("fixed-50gb", 50*gb, 5*tb, 10_000, 50*mb, 400),
		fixed("fixed-100gb", 100*gb, 10*tb, 16_000, 75*mb, 800),
		fixed("fixed-500gb", 500*gb, 20*tb, 16_000, 100*mb, 1500),
		{Name: planCustom},
	}
}

// PlanOf returns the plan of that name; without a name it knows, one without limits and prices.
func PlanOf(name string) Plan {
	for _, p := range plans() {
		if p.Name == name {
			return p
		}
	}
	return Plan{}
}

// PlanName returns the name of the plan that Upstash's account calls kind, for a database that may hold
// so many bytes. A kind of another name is "custom", and nothing is "".
func PlanName(kind string, bytes int64) string {
	switch kind {
	case "", "free", "payg":
		return kind
	}
	for _, p := range plans() {
		if p.DollarsPerMonth > 0 && p.Limits.Memory == document.Bytes(bytes) {
			return p.Name
		}
	}
	return planCustom
}

// fill replaces each limit that is not given by the plan's.
func (l Limits) fill(plan Limits) Limits {
	return Limits{
		Memory: cmp.Or(l.Memory, plan.Memory), Commands: cmp.Or(l.Commands, plan.Commands), Bandwidth: cmp.Or(l.Bandwidth, plan.Bandwidth),
		CommandsPerSecond: cmp.Or(l.CommandsPerSecond, plan.CommandsPerSecond), Request: cmp.Or(l.Request, plan.Request),
	}
}
