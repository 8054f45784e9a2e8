package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

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

Exit codes: 0 carried out or published, 1 not carried out, such as for an unknown
incident, 2 usage or connection error.`

const (
	// defaultTopic is the topic of reports.
	defaultTopic = "pongwatch-reports"
	// publishTimeout covers finding credentials too.
	publishTimeout = 20 * time.Second
	// waitForAlert is how long a command waits to see its effect.
	waitForAlert = 10 * time.Second
	maxBy        = 100
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

	*cobra.Command
}

// newAsker registers the flags and documents the command.
func newAsker(c *cobra.Command, wait time.Duration) *asker {
	a := &asker{Command: c}
	c.Long += aboutAsking
	a.register(c, "ask the pongwatch local at this `address` (default "+defaultURL+")")
	c.Flags().StringVar(&a.project, "project", "", "publish to the topic in this Google Cloud `project`")
	c.Flags().StringVar(&a.topic, "topic", "", "publish to this `topic` (default "+defaultTopic+" with --project); projects/P/topics/T needs no --project")
	c.Flags().StringVar(&a.shard, "shard", "", "only the shard of this `name` (default the one that holds it)")
	c.Flags().StringVar(&a.by, "by", "", "your `name`, as shown to the team (default your user at this machine)")
	c.Flags().DurationVar(&a.wait, "wait", wait, "wait this long to see the effect; 0 does not; --url only")
	return a
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
		return errors.New("--by is empty: want your name, such as --by anna")
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
	if err := a.open("--url"); err != nil {
		return err
	}
	if !a.loopback {
		return fmt.Errorf("--url %s: pongwatch local takes commands from its own machine only; for the cloud want --project PROJECT [--topic TOPIC]", a.url)
	}
	return nil
}

// whoami returns "anna@laptop".
func whoami() string {
	name := "unknown"
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

// order is a command with what is special about it.
type order struct {
	command report.Command
	// settled returns the answer where nothing needs to be asked.
	settled func(incidents.View) (answer string, err error)
	// asked says in a sentence what was asked; next what happens then.
	asked, next string
	// effect returns true once the command has had its effect, or when this is the last
	// look and the error says more. nil looks whether the command was carried out.
	effect func(v incidents.View, c report.Command, last bool) (seen bool, err error)
}

// ask sends the command and prints what came of it.
func (a *asker) ask(o order) error {
	if err := a.check(); err != nil {
		return err
	}
	c, ctx, out := &o.command, a.Context(), a.OutOrStdout()
	c.ID, c.Shard, c.By, c.Via, c.At = rand.Text(), a.shard, a.by, "cli", time.Now().UTC()
	if a.topic != "" {
		if err := publish(ctx, a.topic, *c); err != nil {
			return fmt.Errorf("%w\nwant your own credentials (gcloud auth application-default login) with roles/pubsub.publisher on the topic", err)
		}
		fmt.Fprintf(out, `%s, as %s.
%s
Published to %s as command %s. Alert carries it out within seconds;
"pongwatch incidents --url METRICS_URL" shows what came of it.
`, o.asked, c.By, o.next, a.topic, c.ID)
		return nil
	}
	known, err := a.statistics(ctx, nil)
	switch {
	case errors.Is(err, outbound.ErrNotSent):
		return fmt.Errorf("nothing answers at %s: start \"pongwatch local\", name its address with --url, or publish with --project PROJECT (%w)", a.url, err)
	case errors.Is(err, errDenied):
		// Commands are taken without a token: only the effect stays out of sight.
		fmt.Fprintf(a.ErrOrStderr(), "%s: the effect will not be seen: %v\n", a.CommandPath(), err)
		a.wait = 0
	case err != nil:
		return err
	default:
		if err := a.resolve(known.Incidents, c); err != nil {
			return err
		}
		if o.settled == nil {
			break
		}
		if answer, err := o.settled(known.Incidents); answer != "" || err != nil {
			fmt.Fprint(out, answer)
			return err
		}
	}
	accepted, err := a.post(ctx, *c)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, as %s.\n%s\n", o.asked, c.By, o.next)
	if a.wait <= 0 {
		fmt.Fprintf(out, "Stored as command %s; \"pongwatch incidents\" shows what came of it.\n", accepted.ID)
		return nil
	}
	if o.effect == nil {
		o.effect = func(v incidents.View, c report.Command, _ bool) (bool, error) {
			done := slices.Contains(v.Commands, c.ID)
			if done {
				fmt.Fprintln(out, "Done.")
			}
			return done, nil
		}
	}
	var latest incidents.View
	var effect error
	if a.poll(ctx, a.wait, func(v incidents.View) (seen bool) {
		latest = v
		seen, effect = o.effect(v, accepted, false)
		return seen
	}) {
		return effect
	}
	if seen, err := o.effect(latest, accepted, true); seen {
		return err
	}
	return refuse("no effect within %v. The command %s is stored: either Alert has not come to it, or it names nothing that is open; \"pongwatch incidents\" shows which", a.wait, accepted.ID)
}

// publish sends the command to the topic of reports in the cloud.
func publish(ctx context.Context, topic string, c report.Command) (err error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
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
