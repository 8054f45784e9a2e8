package top

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// sampled returns the result of a sample of half a minute, in which each script has its seconds.
func sampled(scripts ...func(add func(second float64, client string, args ...string))) Result {
	s := newSampler()
	for _, script := range scripts {
		script(func(second float64, client string, args ...string) {
			s.add(event{micros: int64(second * 1e6), client: client, args: args})
		})
	}
	return s.result(30 * time.Second)
}

// script is one app's commands in half a minute.
type script = func(add func(second float64, client string, args ...string))

const worker = "10.0.0.7:5000"

// busy is an app without bad habits.
func busy(add func(float64, string, ...string)) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 3000 {
		at, user := float64(i)/100, fmt.Sprint(r.IntN(500))
		add(at, worker, "GET", "session:"+user)
		add(at, worker, "EVALSHA", "sha", "2", "@upstash/ratelimit:"+user+":1", "@upstash/ratelimit:"+user+":2")
		if i%10 == 0 {
			add(at, worker, "HGETALL", "user:"+user)
			add(at, worker, "HSET", "user:"+user, "name", "x")
			add(at, worker, "INCR", "stats:views:"+user)
			// A worker that has a job each time it asks.
			add(at, worker, "EVALSHA", "sha", "3", "bull:mail:active", "bull:mail:wait")
			add(at, "lua", "ZADD", "bull:mail:completed", "1", "2")
		}
		if i%1000 == 0 {
			add(at, worker, "PING")
			add(at, worker, "SCAN", "0", "MATCH", "tmp:*")
		}
	}
}

func every(seconds float64, client string, args ...string) script {
	return func(add func(float64, string, ...string)) {
		for at := 0.0; at < 30; at += seconds {
			add(at, client, args...)
		}
	}
}

func TestHabitsAreKnownByName(t *testing.T) {
	tests := []struct {
		name   string
		script script
		want   string // "" for none
		says   string
	}{
		{"nothing bad", func(func(float64, string, ...string)) {}, "", ""},
		{"BullMQ 5 that waits for a job", func(add func(float64, string, ...string)) {
			for i := range 6 {
				add(float64(i)*5, worker, "BZPOPMIN", "bull:mail:marker", "5")
				add(float64(i)*5, worker, "EVALSHA", "sha", "11", "bull:mail:wait")
			}
			every(0.05, worker, "BZPOPMIN", "bull:video:marker", "0.01")(add)
		}, "idle_bullmq", "% of what they sent"},
		{"BullMQ 3 that waits for a job", every(0.1, worker, "BRPOPLPUSH", "bull:mail:wait", "bull:mail:active", "5"), "idle_bullmq", "waited for a job 10 times a second"},
		{"a queue with a prefix of its own", every(1, worker, "BLMOVE", "myapp:mail:wait", "myapp:mail:active", "LEFT", "RIGHT", "5"), "idle_bullmq", ""},
		{"two INCR on different names", func(add func(float64, string, ...string)) {
			for i := range 200 {
				add(float64(i)/10, worker, "INCR", fmt.Sprintf("rl:ip:10.0.0.%d", i))
				add(float64(i)/10+0.1, worker, "INCR", fmt.Sprintf("rl:user:%d", i))
			}
		}, "limiter_two_commands", "are as many"},
		{"two INCR on the same name", func(add func(float64, string, ...string)) {
			for i := range 200 {
				add(float64(i)/10, worker, "INCR", fmt.Sprintf("ratelimit:%d:minute7", i))
				add(float64(i)/10+0.0005, worker, "INCR", fmt.Sprintf("ratelimit:%d:hour1", i))
			}
		}, "limiter_two_commands", "comes in pairs"},
		{"an EXPIRE after each INCR", func(add func(float64, string, ...string)) {
			for i := range 200 {
				add(float64(i)/10, worker, "INCR", fmt.Sprintf("limit:%d", i))
				add(float64(i)/10+0.0005, worker, "EXPIRE", fmt.Sprintf("limit:%d", i), "60")
			}
		}, "limiter_two_commands", "EXPIRE"},
		{"one INCR a request", func(add func(float64, string, ...string)) {
			for i := range 200 {
				add(float64(i)/10, worker, "INCR", fmt.Sprintf("rl:%d", i))
			}
		}, "", ""},
		{"a hash with many fields", func(add func(float64, string, ...string)) {
			for i := range 100 {
				add(float64(i)/10, worker, "HSET", "board:7", fmt.Sprintf("player-%d", i), "1")
			}
			every(2, worker, "HGETALL", "board:7")(add)
		}, "large_hgetall", "more than 30 fields"},
		{"the same hash again and again", every(0.5, worker, "HGETALL", "config:flags"), "large_hgetall", "reads the same hash 2 times a second"},
		{"KEYS each ten seconds", every(10, worker, "KEYS", "user:*"), "keys_scan", "KEYS ran 3 times in 30 s"},
		{"a walk each second", every(1, worker, "SCAN", "0", "MATCH", "user:*", "COUNT", "10"), "keys_scan", "SCAN ran once a second."},
		{"PING each second", every(1, worker, "PING"), "health_poll", "PING ran once a second."},
		{"a key for health", every(1, worker, "SET", "healthcheck", "1"), "health_poll", "Keys of health checks were used once a second"},
		{"pongwatch's own canary", every(2, "0.0.0.0:0", "SET", "ws:_pongwatch:canary", "1"), "", ""},
	}
	for _, tt := range tests {
		r := sampled(busy, tt.script)
		var got []string
		for _, h := range r.Habits {
			got = append(got, h.Name)
			if h.Share <= 0 || h.Advice == "" || tt.name != "PING each second" && h.Dollars <= 0 {
				t.Errorf("%s: %+v", tt.name, h)
			}
			if h.Name == tt.want && !strings.Contains(h.Evidence, tt.says) {
				t.Errorf("%s: %s", tt.name, h.Evidence)
			}
		}
		if want := strings.Fields(tt.want); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", tt.name, got, want)
		}
	}
}

// The lines are those of BullMQ 6 over Redis 7: three workers without a job, and three of which one gets a hundred a second.
func TestRecordedQueues(t *testing.T) {
	for _, tt := range []struct {
		file    string
		seconds float64
		habits  int
	}{{"bullmq-idle.txt", 22, 1}, {"bullmq-busy.txt", 0.06, 0}} {
		f, err := os.Open(filepath.Join("testdata", tt.file))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		s := newSampler()
		_ = read(f, s.add, s.addUnreadable)
		r := s.result(time.Duration(tt.seconds * float64(time.Second)))
		if len(r.Habits) != tt.habits || r.Unreadable != 0 || r.Commands < 90 {
			t.Errorf("%s: %d commands, %d unreadable, %+v", tt.file, r.Commands, r.Unreadable, r.Habits)
		}
		for _, row := range r.Rows {
			if !strings.HasPrefix(row.Pattern, "bull:*") || strings.Contains(row.Pattern, "emails") {
				t.Errorf("%s: pattern %s", tt.file, row.Pattern)
			}
		}
		if tt.habits > 0 && (r.Habits[0].Name != "idle_bullmq" || r.Habits[0].Share < 0.99) {
			t.Errorf("%s: %+v", tt.file, r.Habits[0])
		}
	}
}

func TestManyClientsAreOneRow(t *testing.T) {
	r := sampled(func(add func(float64, string, ...string)) {
		for i := range 500 {
			add(1, fmt.Sprintf("10.0.%d.%d:1", i/200, i%200), "GET", fmt.Sprintf("user:%d", i))
			add(1, fmt.Sprintf("10.1.0.%d:%d", i%3, i), "GET", fmt.Sprintf("cart:%d", i))
		}
	})
	var got []string
	for _, row := range r.Rows {
		got = append(got, row.Pattern+" "+row.Client)
	}
	slices.Sort(got)
	if want := []string{"cart:* 10.1.0.0", "cart:* 10.1.0.1", "cart:* 10.1.0.2", "user:* over 61 clients"}; !slices.Equal(got, want) {
		t.Errorf("rows %q, want %q", got, want)
	}
}

func TestSmallPlansAndUsedMonthsAreRefused(t *testing.T) {
	number := func(n float64) *float64 { return &n }
	plan := func(name string) *config.Database {
		d := &config.Database{Plan: name}
		d.Budget.StopAt = 0.95
		d.Limits = config.PlanOf(name).Limits
		return d
	}
	tests := []struct {
		name    string
		month   Month
		says    string // "" where a sample is taken
		plan    string
		refuses bool
	}{
		{"the free plan", NewMonth(plan("free"), nil, nil, nil), "plan free (databases[].plan) is small, with 500,000 commands and 10.0 GB of traffic a month", "free", true},
		{"a configuration without a plan, and an account that knows better", NewMonth(plan("free"), &upstash.Database{Type: "payg"}, &upstash.Stats{}, nil), "", "payg", false},
		{"a fixed plan of the account", NewMonth(plan("free"), &upstash.Database{Type: "pro", MaxData: 1 << 30}, &upstash.Stats{Bandwidth: number(99 << 30)}, nil), "of the month's 100.0 GB", "fixed-1gb", true},
		{"a plan of the account that has no public limits", NewMonth(plan("free"), &upstash.Database{Type: "pro"}, &upstash.Stats{}, nil), "", "custom", false},
		{"a configuration that knows the size of the fixed plan", NewMonth(plan("fixed-1gb"), &upstash.Database{Type: "pro"}, &upstash.Stats{}, nil), "", "fixed-1gb", false},
		{"the account says free", NewMonth(plan("payg"), &upstash.Database{Type: "free", MonthlyCommands: 500_000}, &upstash.Stats{Commands: 9}, nil), "plan free is small", "free", true},
		{"pay as you go", NewMonth(plan("payg"), nil, nil, nil), "", "payg", false},
		{"commands nearly used", NewMonth(plan("payg"), &upstash.Database{Type: "payg", MonthlyCommands: 10_000_000}, &upstash.Stats{Commands: 9_500_000}, nil), "9,500,000 of the month's 10,000,000 commands are used", "payg", true},
		{"commands not nearly used", NewMonth(plan("payg"), &upstash.Database{Type: "payg", MonthlyCommands: 10_000_000}, &upstash.Stats{Commands: 9_400_000}, nil), "", "payg", false},
		{"traffic nearly used", NewMonth(plan("fixed-1gb"), &upstash.Database{Type: "pro"}, &upstash.Stats{Bandwidth: number(99 << 30)}, nil), "99.0 GB of the month's 100.0 GB", "fixed-1gb", true},
		{"traffic that costs money stops nothing", NewMonth(plan("payg"), &upstash.Database{Type: "payg"}, &upstash.Stats{Bandwidth: number(300 << 30)}, nil), "", "payg", false},
		{"the budget nearly spent", NewMonth(plan("payg"), &upstash.Database{Type: "payg", Budget: 20}, &upstash.Stats{Dollars: number(19.5)}, nil), "$19.50 of the database's budget of $20.00", "payg", true},
		{"an account that does not answer", NewMonth(plan("payg"), nil, nil, fmt.Errorf("management stats: no answer")), "could not be read: management stats: no answer", "payg", true},
	}
	for _, tt := range tests {
		got := tt.month.Refusal()
		if (got != "") != tt.refuses || !strings.Contains(got, tt.says) || tt.month.Plan != tt.plan {
			t.Errorf("%s: plan %s, %q", tt.name, tt.month.Plan, got)
		}
	}
	if got, want := tests[6].month.Expect(30*time.Second, 400), "a sample of 30 s costs 1 command and about 1.4 MB of traffic at 400 commands a second, < 0.1 % of the plan's"; got != want {
		t.Errorf("it expects %q, want %q", got, want)
	}
}
