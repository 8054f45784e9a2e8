package upstash

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/text"
)

// Action is something that was done in the account.
type Action struct {
	At time.Time
	// Name is Upstash's own: "Reset Password".
	Name string
	// Entities are what it was done to, by name or id.
	Entities []string
	// Databases are the ids of the account's databases that have the name of an entity.
	Databases []string
}

// none is what Upstash writes where an action has no further entity.
const none = "NA"

// Actions reads what was done in the account since then, in the API's order
// (https://upstash.com/docs/devops/developer-api/account/list_audit_logs). The audit log has the
// databases' names in place of their ids, so that Actions looks the ids up.
func (m *Management) Actions(ctx context.Context, since time.Time) ([]Action, error) {
	const op = "management audit log"
	// Unlike all others it has no version in its path.
	body, err := m.read(ctx, op, nil, m.base.JoinPath("..", "auditlogs"))
	if err != nil {
		return nil, err
	}
	var entries []struct {
		Timestamp int64  `json:"timestamp"`
		Action    string `json:"action_string"`
		Entity    string `json:"entity"`
		Second    string `json:"secondary_entity"`
		Third     string `json:"third_entity"`
	}
	if err := json.Unmarshal(body, &entries); err != nil {
		return nil, unreadable(op)
	}
	var actions []Action
	for _, e := range entries {
		a := Action{At: time.Unix(e.Timestamp, 0).UTC(), Name: e.Action}
		if a.Name == "" || a.At.Before(since) {
			continue
		}
		for _, entity := range []string{e.Entity, e.Second, e.Third} {
			if entity != "" && entity != none {
				a.Entities = append(a.Entities, entity)
			}
		}
		actions = append(actions, a)
	}
	text.Outside(&actions, maxName)
	if len(actions) == 0 {
		return nil, nil // as nearly always
	}
	databases, err := m.Databases(ctx)
	if err != nil {
		return nil, err
	}
	for i := range actions {
		for _, d := range databases {
			if slices.Contains(actions[i].Entities, d.Name) || slices.Contains(actions[i].Entities, d.ID) {
				actions[i].Databases = append(actions[i].Databases, d.ID)
			}
		}
	}
	return actions, nil
}
