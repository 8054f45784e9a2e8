package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight/sources"
)

// reading makes an item of a func that reads sources of the app: the backend's, the
// frontend's, or whichever of both was named.
func reading(judge func(r *run, trees []*sources.Tree) Finding, parts ...string) func(context.Context, *run) Finding {
	return func(_ context.Context, r *run) Finding {
		var trees []*sources.Tree
		for _, part := range parts {
			dir := map[string]string{"backend": r.Backend, "frontend": r.Frontend}[part]
			if dir == "" {
				continue
			}
			if r.trees[dir] == nil {
				t, err := sources.Open(dir)
				if err != nil {
					return fail("the sources cannot be read", err.Error(), "Correct --"+part+".")
				}
				r.trees[dir] = t
			}
			if !slices.Contains(trees, r.trees[dir]) {
				trees = append(trees, r.trees[dir])
			}
		}
		switch {
		case len(trees) > 0:
			return judge(r, trees)
		case len(parts) == 1:
			return skip(fmt.Sprintf("it reads the %s's sources: name their folder with --%s", parts[0], parts[0]))
		}
		return skip("it reads the app's sources: name their folders with --backend and --frontend")
	}
}

// cannotTell is the finding when files were not read: what they hold is not known.
func cannotTell(unread []string) Finding {
	return warn("it cannot be told, because a file cannot be read", joined(unread), "Correct the file, or look into it yourself and sign.")
}

func joined(evidence []string) string { return strings.Join(evidence, "; ") }

// judgeFloor judges what is said of Upstash's client. What is bundled is taken from what is
// for development as well.
func judgeFloor(e sources.Ecosystem, said sources.Said, bundled bool) Finding {
	steps := []string{"Run: " + e.Install, "Deploy again, and commit the lock file."}
	switch {
	case said.Verdict == sources.Older:
		return fail("it is older than "+e.Floor.String(), joined(said.Evidence), steps...)
	case len(said.Unread) > 0:
		return cannotTell(said.Unread)
	case said.Verdict == sources.Absent:
		return fail(e.Client+" is not among the dependencies", "no mention in a manifest or lock file", steps...)
	case said.Verdict == sources.Untold:
		return warn("it may be older than "+e.Floor.String()+": nothing pins it", joined(said.Evidence), steps...)
	case said.Beside && !bundled:
		return warn("production may not install it: it is for development, or optional", joined(said.Evidence), steps...)
	}
	return pass("%s", joined(said.Evidence))
}

// backendPackage takes an app without Python for one that is written for Node.
func backendPackage(_ *run, trees []*sources.Tree) Finding {
	said := trees[0].Said(sources.Python)
	if node := trees[0].Said(sources.Node); said.Named == 0 && node.Named > 0 {
		node.Unread = slices.Concat(said.Unread, node.Unread)
		return judgeFloor(sources.Node, node, false)
	}
	return judgeFloor(sources.Python, said, false)
}

// conflictingPackage looks for a second client of the same language, where production has
// both.
func conflictingPackage(_ *run, trees []*sources.Tree) Finding {
	var both, unread []string
	for _, t := range trees {
		for _, e := range []sources.Ecosystem{sources.Python, sources.Node} {
			found, failed := t.Others(e)
			both, unread = append(both, found...), append(unread, failed...)
		}
	}
	switch {
	case len(both) > 0:
		return warn("two Redis clients are installed", joined(both),
			"Remove the one for the TCP protocol, or make sure that nothing imports it in place of Upstash's.",
			"Where something else needs it (Celery, for one), note that here and sign.")
	case len(unread) > 0:
		return cannotTell(unread)
	}
	return pass("one client only")
}

// shadowing looks for modules that hide a client.
func shadowing(_ *run, trees []*sources.Tree) Finding {
	certain, possible, unread := trees[0].Shadows("redis", "upstash_redis")
	steps := []string{
		"Rename it, to redis_client.py for one, and delete its __pycache__.",
		`Confirm: python -c "import upstash_redis; print(upstash_redis.__file__)"`,
	}
	switch {
	case len(certain) > 0:
		return fail("a local module hides the client of its name", strings.Join(append(certain, possible...), ", "), steps...)
	case len(possible) > 0:
		return warn("a local module hides the client where its folder is the first on Python's path", strings.Join(possible, ", "), steps...)
	case len(unread) > 0:
		return cannotTell(unread)
	}
	return pass("no redis.py, redis/, upstash_redis.py or upstash_redis/")
}
