// Package top finds out who spends a database's commands: it samples MONITOR for less than a
// minute, folds keys to patterns, and names habits that are known to waste commands.
//
// Keys and arguments stay in this package. A key is divided at its separators, and what does not
// look like a word that a programmer chose is "*" before anything is counted; of a key, at least
// one segment always is. Arguments are read for the key's place and dropped.
package top

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// The length of a sample: long enough to see a worker that asks each 5 s, and short enough for
// what MONITOR costs the server.
const (
	Shortest = 20 * time.Second
	Longest  = time.Minute
)

// redrawEvery is how often a running sample is shown.
const redrawEvery = time.Second

// Spending is what a part of the sample is in a month of 30 days that is like the sample.
type Spending struct {
	// Share is the part of all commands of the sample, those that are not billed included.
	Share          float64 `json:"share"`
	CommandsAMonth int64   `json:"commands_a_month"`
	// Dollars is at the price of pay-as-you-go, whatever the plan.
	Dollars float64 `json:"dollars_a_month"`
}

func (s *Spending) add(more Spending) {
	s.Share, s.CommandsAMonth, s.Dollars = s.Share+more.Share, s.CommandsAMonth+more.CommandsAMonth, s.Dollars+more.Dollars
}

// Row is one pattern, command and client.
type Row struct {
	// Pattern is empty for a command without a key.
	Pattern string `json:"pattern"`
	Command string `json:"command"`
	// Client is an IP address, "REST", "script", or how many there are.
	Client string `json:"client"`
	Count  int64  `json:"count"`
	// Unbilled says that Upstash does not charge the command.
	Unbilled bool `json:"unbilled,omitempty"`
	Spending
}

// Habit is a known way to waste commands.
type Habit struct {
	Name     string `json:"name"`
	Title    string `json:"title"`
	Evidence string `json:"evidence"`
	Advice   string `json:"advice"`
	Spending
}

// Cost is what the sample itself cost, as measured.
type Cost struct {
	// Commands is 1 for each MONITOR.
	Commands int64 `json:"commands"`
	// Bytes is what MONITOR sent.
	Bytes int64 `json:"bytes"`
	// TrafficShare is the part of the plan's monthly traffic, 0 where it is not known.
	TrafficShare float64 `json:"traffic_share"`
}

// Result is what a sample shows, and --json's output.
type Result struct {
	Database string  `json:"database"`
	Plan     string  `json:"plan"`
	Source   string  `json:"source"` // "REST" or "TCP"
	Seconds  float64 `json:"seconds"`
	Commands int64   `json:"commands"`
	// Quota is the plan's commands a month, 0 without one, and Billed whether commands cost money.
	Quota  int64    `json:"quota"`
	Billed bool     `json:"billed"`
	Total  Spending `json:"total"`
	Rows   []Row    `json:"rows"`
	Habits []Habit  `json:"habits"`
	Cost   Cost     `json:"cost"`
	// Unreadable is how many lines of MONITOR could not be read. They are in no share.
	Unreadable int64 `json:"unreadable,omitempty"`
	// Notes are what the reader must know of the sample, such as an early end.
	Notes []string `json:"notes,omitempty"`
}

// Options say what to sample.
type Options struct {
	Database string
	For      time.Duration
	Client   *upstash.Client
	// Fallback opens MONITOR over TCP where REST refuses it. Nil without a URL for it.
	Fallback *TCP
	Month    Month
	// Watch is called with the sample so far, each second. Optional.
	Watch func(Result)
}

// Run takes a sample. Where the stream ends early it returns what it has, and an error.
func Run(ctx context.Context, o Options) (Result, error) {
	s := newSampler()
	source, note := "REST", ""
	cost := Cost{Commands: 1}
	stream, err := o.Client.Monitor(ctx)
	if err != nil && o.Fallback != nil && ctx.Err() == nil {
		source, note = "TCP", "REST did not answer MONITOR ("+string(upstash.CauseOf(err))+")"
		stream, err = o.Fallback.open(ctx)
	}
	if err != nil {
		if source == "REST" && o.Fallback == nil {
			err = fmt.Errorf("%w; with --tcp-url-env it is tried over TCP too", err)
		}
		return Result{}, fmt.Errorf("opening MONITOR: %w", err)
	}
	defer stream.Close()

	counted := &counter{Reader: stream}
	began := time.Now()
	var ended error // valid when done is closed
	done := make(chan struct{})
	go func() {
		defer close(done)
		ended = read(counted, s.add, s.addUnreadable)
	}()
	now := func() Result {
		r := s.result(time.Since(began))
		cost.Bytes = counted.bytes.Load()
		if o.Month.Traffic > 0 {
			cost.TrafficShare = float64(cost.Bytes) / float64(o.Month.Traffic)
		}
		r.Database, r.Plan, r.Source, r.Cost = o.Database, o.Month.Plan, source, cost
		r.Quota, r.Billed = o.Month.Quota, o.Month.Plan == payAsYouGo
		if note != "" {
			r.Notes = append(r.Notes, note)
		}
		if r.Unreadable > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("%d lines of MONITOR could not be read; they are in no share", r.Unreadable))
		}
		return r
	}
	end, redraw := time.NewTimer(o.For), time.NewTicker(redrawEvery)
	defer end.Stop()
	defer redraw.Stop()
	for {
		select {
		case <-ctx.Done():
			stream.Close()
			<-done
		case <-done:
		case <-end.C:
			r := now()
			stream.Close()
			<-done
			if r.Commands == 0 && r.Unreadable > 0 {
				return r, errors.New("reading MONITOR: no line of it could be read")
			}
			return r, nil
		case <-redraw.C:
			if o.Watch != nil {
				o.Watch(now())
			}
			continue
		}
		r := now()
		r.Notes = append(r.Notes, fmt.Sprintf("the sample ended after %.0f s of %.0f s", r.Seconds, o.For.Seconds()))
		if ctx.Err() != nil {
			return r, nil
		}
		if !errors.Is(ended, errRefused) {
			ended = errors.New("the stream ended") // its text could hold the host
		}
		return r, fmt.Errorf("reading MONITOR: %w after %.0f s of %.0f s", ended, r.Seconds, o.For.Seconds())
	}
}

// counter counts what is read.
type counter struct {
	io.Reader
	bytes atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}

// payAsYouGo is the plan on which commands cost money, and perMillion their price.
const payAsYouGo = "payg"

var perMillion = config.PlanOf(payAsYouGo).DollarsPerMillion
