package upstash_test

import (
	"context"
	"fmt"

	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// A client of the emulator; a real database differs by its URL and token alone, and
// refuses http://.
func client(e *upstashtest.Server) *upstash.Client {
	c, err := upstash.New(upstash.Options{URL: e.URL(), Token: secrets.New(e.Token()), AllowHTTP: true})
	if err != nil {
		panic(err)
	}
	return c
}

func emulator() *upstashtest.Server {
	e, err := upstashtest.New(upstashtest.Options{})
	if err != nil {
		panic(err)
	}
	return e
}

// What is wrong has a name, and the name has a fix.
func ExampleClient_Ping() {
	e := emulator()
	defer e.Close()
	redis := client(e)

	fmt.Println(redis.Ping(context.Background()).Err)

	if err := e.Break(upstashtest.Fault{Mode: upstashtest.QuotaMonthly}); err != nil {
		fmt.Println(err)
	}
	err := redis.Ping(context.Background()).Err
	c := upstash.CauseOf(err)
	fmt.Println(c)
	fmt.Println(c.Info().Title)
	fmt.Println(c.Info().Fix[0])
	// Output:
	// <nil>
	// quota_monthly
	// This month's Redis commands are used up
	// Upgrade the database's plan in the Upstash console; it works again within a minute.
}

func ExampleClient_Do() {
	e := emulator()
	defer e.Close()
	redis := client(e)
	ctx := context.Background()

	if _, err := redis.Do(ctx, "SET", "ws:42:greeting", "hello", "EX", 60); err != nil {
		fmt.Println(err)
	}
	reply, err := redis.Do(ctx, "GET", "ws:42:greeting")
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(reply.Text())
	// Output: hello <nil>
}

// A command that fails does not stop the others of a pipeline.
func ExampleClient_Pipeline() {
	e := emulator()
	defer e.Close()

	results, err := client(e).Pipeline(context.Background(),
		upstash.Command{"INCR", "visits"}, upstash.Command{"INCR", "visits", "twice"}, upstash.Command{"INCR", "visits"})
	if err != nil {
		fmt.Println(err)
	}
	for _, r := range results {
		if r.Err != nil {
			fmt.Println(upstash.CauseOf(r.Err))
			continue
		}
		fmt.Println(r.Reply.Int())
	}
	// Output:
	// 1 <nil>
	// redis_error
	// 2 <nil>
}

// The text decides before the status, which Upstash does not document.
func ExampleClassify() {
	fmt.Println(upstash.Classify(upstash.Outcome{
		Phase: upstash.PhaseRead, Status: 400, Body: []byte(`{"error":"NOPERM this user has no permissions to run the 'set' command"}`),
	}))
	fmt.Println(upstash.Classify(upstash.Outcome{Phase: upstash.PhaseRead, Status: 502, ContentType: "text/html", Body: []byte("<h1>Bad Gateway</h1>")}))
	// Output:
	// readonly_token
	// provider_5xx
}
