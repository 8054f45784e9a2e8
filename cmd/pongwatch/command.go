package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/local"
	"github.com/pongwatch/pongwatch/shared/gcp/pubsub"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

const aboutAsking = `

By default the command goes to the pongwatch local of this machine. In the cloud it is
published to the topic of reports with your own credentials (gcloud auth
application-default login; the role roles/pubsub.publisher on the topic).

The exit code is 0 when it is carried out, or published; 1 when it was not, such as for
an unknown incident; 2 when it could not be asked.`

const (
	// defaultTopic is the topic of reports.
	defaultTopic = "pongwatch-reports"
	// publishTimeout covers finding credentials too.
	publishTimeout = 20 * time.Second
	// pollEvery is how often the effect of a command is looked for.
	pollEvery = 200 * time.Millisecond
	maxBy     = 100
)

// asker is what ack, silence, unsilence and drill have in common: where a command
// goes, who asks, and what came of it.
type asker struct {
	reader
	project, topic string
	shard, by      string
	wait           time.Duration

	// target is what the command names, once that is known.
	target target

	flags          *flag.FlagSet
	stdout, stderr io.Writer
}

func newAsker(name string, wait time.Duration, stdout, stderr io.Writer) *asker {
	a := &asker{flags: flag.NewFlagSet(name, flag.ContinueOnError), stdout: stdout, stderr: stderr}
	a.register(a.flags, "ask the pongwatch local at this `address` (default "+defaultURL+")")
	a.flags.StringVar(&a.project, "project", "", "publish to the topic in this Google Cloud `project`")
	a.flags.StringVar(&a.topic, "topic", "", "publish to this `topic` (default "+defaultTopic+" with --project); projects/P/topics/T needs no --project")
	a.flags.StringVar(&a.shard, "shard", "", "only the shard of this `name` (default the one that holds it)")
	a.flags.StringVar(&a.by, "by", "", "who asks, as others shall read it: `name` (default your user at this machine)")
	a.flags.DurationVar(&a.wait, "wait", wait, "wait this long to see the effect; 0 does not; --url only")
	return a
}

// parse reads the flags and an argument of that name.
func (a *asker) parse(argument string, args []string, about string) (string, int, bool) {
	text, code, ok := parseWith(a.flags, argument, args, a.stdout, a.stderr, strings.TrimSpace(about)+aboutAsking)
	if !ok {
		return "", code, false
	}
	if err := a.check(); err != nil {
		return "", a.fail(err), false
	}
	return text, exitOK, true
}

// check finds out where the command goes and who asks.
func (a *asker) check() error {
	published := a.project != "" || a.topic != ""
	switch {
	case published && a.url != "":
		return errors.New("--url asks a pongwatch local, --project and --topic publish: want one of them")
	case a.topic != "" && a.project == "" && !strings.Contains(a.topic, "/"):
		return fmt.Errorf("--topic %s: in which project? want --project as well, or projects/PROJECT/topics/%s", a.topic, a.topic)
	case a.project != "" && strings.Contains(a.topic, "/"):
		return fmt.Errorf("--topic %s names its project: want it without --project", a.topic)
	}
	if a.by == "" {
		a.by = whoami()
	}
	if a.by = text.Clip(text.Line(a.by), maxBy); a.by == "" {
		return errors.New("--by is empty: want who asks, such as --by anna")
	}
	if published {
		if a.topic == "" {
			a.topic = defaultTopic
		}
		if !strings.Contains(a.topic, "/") {
			a.topic = "projects/" + a.project + "/topics/" + a.topic
		}
		return nil
	}
	if err := a.open(); err != nil {
		return err
	}
	if !a.loopback() {
		return fmt.Errorf("--url %s: pongwatch local takes commands from its own machine only; for the cloud want --project PROJECT [--topic TOPIC]", a.url)
	}
	return nil
}

// whoami returns "anna@laptop".
func whoami() string {
	name := "somebody"
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	host, _, _ = strings.Cut(host, ".")
	return name + "@" + host
}

// fail prints an error and returns the exit code for what could not be asked.
func (a *asker) fail(err error) int {
	fmt.Fprintf(a.stderr, "pongwatch %s: %v\n", a.flags.Name(), err)
	return exitFailed
}

// refuse prints why the answer is no.
func (a *asker) refuse(format string, args ...any) int {
	fmt.Fprintf(a.stderr, "pongwatch %s: %s\n", a.flags.Name(), fmt.Sprintf(format, args...))
	return exitNo
}

// order is a command with what is special about it.
type order struct {
	command report.Command
	// precheck may answer from what is known, before anything is asked: then it
	// returns true and the exit code.
	precheck func(statistics) (code int, answered bool)
	// asked says in a sentence what was asked; next what happens then.
	asked, next string
	// effect looks whether the command has had its effect, and returns the exit code
	// once it has, or when this is the last look. nil looks whether it was carried out.
	effect func(v incidents.View, c report.Command, last bool) (code int, seen bool)
}

// ask sends the command and tells what came of it.
func (a *asker) ask(ctx context.Context, o order) int {
	c := &o.command
	c.ID, c.Shard, c.By, c.Via, c.At = rand.Text(), a.shard, a.by, "cli", time.Now().UTC()
	if a.topic != "" {
		return a.publish(ctx, o)
	}
	known, err := a.statistics(ctx)
	switch {
	case errors.Is(err, outbound.ErrNotSent):
		return a.fail(fmt.Errorf("nothing answers at %s: start \"pongwatch local\", name its address with --url, or publish with --project PROJECT (%w)", a.url, err))
	case errors.Is(err, errDenied):
		// Commands are taken without a token: only the effect stays out of sight.
		fmt.Fprintf(a.stderr, "pongwatch %s: the effect will not be seen: %v\n", a.flags.Name(), err)
		a.wait = 0
	case err != nil:
		return a.fail(err)
	default:
		if code, answered := a.resolve(*known.Incidents, c); answered {
			return code
		}
		if o.precheck != nil {
			if code, answered := o.precheck(known); answered {
				return code
			}
		}
	}
	accepted, err := a.post(ctx, *c)
	if err != nil {
		return a.fail(err)
	}
	fmt.Fprintf(a.stdout, "%s, as %s.\n%s\n", o.asked, c.By, o.next)
	if a.wait <= 0 {
		fmt.Fprintf(a.stdout, "Stored as command %s; \"pongwatch incidents\" shows what came of it.\n", accepted.ID)
		return exitOK
	}
	return a.await(ctx, o, accepted)
}

func (a *asker) publish(ctx context.Context, o order) int {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if err := publish(ctx, a.topic, o.command); err != nil {
		return a.fail(fmt.Errorf("%w\nwant your own credentials (gcloud auth application-default login) with roles/pubsub.publisher on the topic", err))
	}
	fmt.Fprintf(a.stdout, `%s, as %s.
%s
Published to %s as command %s. Alert carries it out within seconds;
"pongwatch incidents --url METRICS_URL" shows what came of it.
`, o.asked, o.command.By, o.next, a.topic, o.command.ID)
	return exitOK
}

func publish(ctx context.Context, topic string, c report.Command) (err error) {
	m, err := report.Encode(c)
	if err != nil {
		return err
	}
	client, err := pubsub.New(ctx, os.Getenv(pubsub.EmulatorVariable))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	t, err := client.Topic(topic)
	if err != nil {
		return err
	}
	return t.Publish(ctx, m)
}

// post gives the command to the local process, and returns it as stored there.
func (a *asker) post(ctx context.Context, c report.Command) (report.Command, error) {
	body, err := json.Marshal(local.CommandRequest{Command: c, For: local.Span(c.For)})
	if err != nil {
		return c, err
	}
	data, err := a.do(ctx, http.MethodPost, local.CommandsPath, body)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("%s: reading the answer: %w", a.url, err)
	}
	return c, nil
}

// await looks for the command's effect until it is there or the time is over.
func (a *asker) await(ctx context.Context, o order, c report.Command) int {
	ctx, cancel := context.WithTimeout(ctx, a.wait)
	defer cancel()
	effect := o.effect
	if effect == nil {
		effect = a.carriedOut
	}
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	var seen incidents.View
	for {
		// What cannot be read now may be readable the next time.
		if s, err := a.statistics(ctx); err == nil {
			seen = *s.Incidents
			if code, ok := effect(seen, c, false); ok {
				return code
			}
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			if code, ok := effect(seen, c, true); ok {
				return code
			}
			return a.refuse("no effect within %v. The command %s is stored: either Alert has not come to it, or it names nothing that is open; \"pongwatch incidents\" shows which", a.wait, c.ID)
		}
	}
}

func (a *asker) carriedOut(v incidents.View, c report.Command, _ bool) (int, bool) {
	if !slices.Contains(v.Commands, c.ID) {
		return 0, false
	}
	fmt.Fprintln(a.stdout, "Done.")
	return exitOK, true
}
