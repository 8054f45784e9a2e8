package alert

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/pongwatch/pongwatch/shared/report"
)

// membership is a receiver that knows the members of its channel's user groups.
type membership interface {
	IsMember(ctx context.Context, user, group string) (bool, error)
}

// mayAct decides by the configuration. In Slack the approvers of any receiver may act, or
// all members if none lists any. Elsewhere those listed in `oncall.actors` may act, or all
// that the channel has verified. A link does not know who follows it, so that it may act
// on such a list only if the list holds the word "link".
func (f *Function) mayAct(ctx context.Context, c report.Command) (bool, error) {
	if c.Via != "slack" {
		actors := f.config.OnCall.Actors
		return len(actors) == 0 || slices.Contains(actors, c.By), nil
	}
	listed := false
	var unknown error
	for i := range f.config.Receivers {
		r := &f.config.Receivers[i]
		if r.Slack == nil || len(r.Slack.Approvers) == 0 {
			continue
		}
		listed = true
		if slices.Contains(r.Slack.Approvers, c.By) {
			return true, nil
		}
		channel, ok := f.options.Receivers[r.Name].(membership)
		for _, a := range r.Slack.Approvers {
			if !ok || !strings.HasPrefix(a, "S") {
				continue
			}
			in, err := channel.IsMember(ctx, c.By, a)
			if in {
				return true, nil
			}
			unknown = cmp.Or(err, unknown)
		}
	}
	// An error asks for another try. It must not count as leave.
	return !listed, unknown
}
