package preflight

import (
	"bytes"
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	// public are variables that a bundler writes into what browsers load.
	public = regexp.MustCompile(`\b(?:NEXT_PUBLIC|VITE|REACT_APP|NUXT_PUBLIC|PUBLIC|EXPO_PUBLIC|GATSBY)_[A-Z0-9_]*(?:UPSTASH|REDIS|KV)[A-Z0-9_]*TOKEN[A-Z0-9_]*\b`)
	// upstashHost and tokenText in one file mean that a token was written out.
	upstashHost = regexp.MustCompile(`https://[a-z0-9-]+\.upstash\.io`)
	tokenText   = regexp.MustCompile("[\"'`]A[A-Za-z0-9+/_-]{30,}={0,2}[\"'`]")

	assigned = regexp.MustCompile(`^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$`)
	fromEnv  = regexp.MustCompile(`\bRedis\.(?:fromEnv|from_env)\(`)
)

// built are the folders into which bundlers write for browsers.
var built = []string{"static", "dist", "build", "out", "public"}

func isEnvFile(name string) bool { return strings.HasPrefix(path.Base(name), ".env") }

func isSource(name string) bool {
	return slices.Contains([]string{".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".vue", ".svelte", ".astro", ".py", ".html"}, path.Ext(name))
}

func inBundle(name string) bool {
	return slices.ContainsFunc(strings.Split(path.Dir(name), "/"), func(s string) bool { return slices.Contains(built, s) })
}

// exposed looks for tokens on their way into a browser. Evidence names variables and
// places, never a value.
func exposed(r *run, trees []*tree) Finding {
	var found, unread []string
	for _, t := range trees {
		unread = append(unread, t.each(func(name string) bool { return isEnvFile(name) || isSource(name) }, func(name string, data []byte) {
			bundle := inBundle(name)
			written := bundle && upstashHost.Match(data) && tokenText.Match(data)
			for n, line := range strings.Split(string(data), "\n") {
				switch {
				case public.MatchString(line) && !strings.HasPrefix(strings.TrimSpace(line), "#"):
					found = append(found, public.FindString(line)+" at "+t.at(name, n+1).String())
				case written && tokenText.MatchString(line), bundle && r.holdsToken(line):
					found = append(found, "a token at "+t.at(name, n+1).String())
				}
			}
		})...)
	}
	switch {
	case len(found) > 0:
		return fail("a browser gets to see the token", strings.Join(found, ", "),
			"Rename the variable without its public prefix, and read Redis on the server only.",
			"Reset the database's password in the Upstash console: the token is known. Then deploy the new one.",
			"Build again; delete what was built before.")
	case len(unread) > 0:
		return untold(unread)
	}
	return pass("no public variable and no bundle holds a token")
}

// holdsToken reports whether a line has a configured token.
func (r *run) holdsToken(line string) bool {
	return slices.ContainsFunc(r.databases, func(d *database) bool {
		token := d.credentials.Token.Reveal()
		return len(token) >= 8 && strings.Contains(line, token)
	})
}

// variableNames compares what the code reads with what environment files set: the
// checklist's names are not those that Upstash's clients read by themselves.
func variableNames(_ *run, trees []*tree) Finding {
	worst := pass("nothing reads a variable that an environment file misnames")
	for _, t := range trees {
		if f := t.variableNames(); f.Status == Fail || f.Status == Warn && worst.Status != Fail {
			worst = f
		}
	}
	return worst
}

func (t *tree) variableNames() Finding {
	var custom, sdk, wrong, misled string
	unread := t.each(isEnvFile, func(name string, data []byte) {
		for n, line := range strings.Split(string(data), "\n") {
			m := assigned.FindStringSubmatch(line)
			if m == nil || m[1] != customers[0] && m[1] != sdks[0] {
				continue
			}
			at := t.at(name, n+1).String()
			if m[1] == customers[0] {
				custom = at
			} else {
				sdk = at
			}
			if value := strings.Trim(m[2], "\"' \r"); strings.HasPrefix(value, "redis://") || strings.HasPrefix(value, "rediss://") {
				wrong = cmp.Or(wrong, m[1]+" at "+at)
			}
		}
	})
	if custom != "" && sdk == "" {
		unread = append(unread, t.each(func(name string) bool { return isSource(name) && !inBundle(name) }, func(name string, data []byte) {
			if found := fromEnv.FindIndex(data); found != nil {
				at := t.at(name, 1+bytes.Count(data[:found[0]], []byte("\n")))
				misled = cmp.Or(misled, at.String()+" reads "+sdks[0]+"; "+custom+" sets "+customers[0])
			}
		})...)
	}
	switch {
	case wrong != "":
		return fail("the TCP protocol's URL is in the REST variable", wrong, "Copy the https:// REST URL from the Upstash console in its place.")
	case misled != "":
		return warn("the client reads other variables than are set", misled,
			"Pass url and token to the client, or set "+sdks[0]+" and "+sdks[1]+" as well.")
	case len(unread) > 0:
		return untold(unread)
	}
	return Finding{Status: Pass}
}
