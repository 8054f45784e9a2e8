package preflight

import (
	"bytes"
	"context"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	// public are variables that a bundler writes into what browsers load.
	public = regexp.MustCompile(`\b(?:NEXT_PUBLIC|VITE|REACT_APP|NUXT_PUBLIC|PUBLIC|EXPO_PUBLIC|GATSBY)_[A-Z0-9_]*(?:UPSTASH|REDIS|KV)[A-Z0-9_]*TOKEN[A-Z0-9_]*\b`)
	// upstashHost and tokenText together give away a token that was written out.
	upstashHost = regexp.MustCompile(`https://[a-z0-9-]+\.upstash\.io`)
	tokenText   = regexp.MustCompile("[\"'`]A[A-Za-z0-9+/_-]{30,}={0,2}[\"'`]")

	assigned = regexp.MustCompile(`^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$`)
	fromEnv  = regexp.MustCompile(`\bRedis\.(?:fromEnv|from_env)\(`)
)

// built are the folders into which bundlers write for browsers.
var built = []string{"static", "dist", "build", "out", "public"}

func isEnvFile(base string) bool { return strings.HasPrefix(base, ".env") }

func isSource(base string) bool {
	return slices.Contains([]string{".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".vue", ".svelte", ".astro", ".py", ".html"}, path.Ext(base))
}

func inBundle(name string) bool {
	return slices.ContainsFunc(strings.Split(path.Dir(name), "/"), func(s string) bool { return slices.Contains(built, s) })
}

// exposed looks for tokens on their way into a browser. Evidence names variables and
// places, never a value.
func exposed(_ context.Context, r *run) Finding {
	trees, problem := r.both()
	if problem != nil {
		return *problem
	}
	var found []string
	for _, part := range []string{"backend", "frontend"} {
		if t := trees[part]; t != nil {
			found = append(found, r.exposures(t)...)
		}
	}
	if len(found) == 0 {
		return pass("no public variable and no bundle holds a token")
	}
	return fail("a browser gets to see the token", strings.Join(found, ", "),
		"Rename the variable without its public prefix, and read Redis on the server only.",
		"Reset the database's password in the Upstash console: the token is known. Then deploy the new one.",
		"Build again; delete what was built before.")
}

func (r *run) exposures(t *tree) []string {
	var found []string
	for _, name := range t.files {
		base := path.Base(name)
		if !isEnvFile(base) && !isSource(base) {
			continue
		}
		data := t.read(name)
		bundle := inBundle(name)
		written := bundle && upstashHost.Match(data) && tokenText.Match(data)
		if !written && !public.Match(data) && !r.holdsToken(data, bundle) {
			continue
		}
		for n, line := range t.lines(name) {
			switch {
			case public.MatchString(line) && !strings.HasPrefix(strings.TrimSpace(line), "#"):
				found = append(found, public.FindString(line)+" at "+t.at(name, n).String())
			case written && tokenText.MatchString(line), r.holdsToken([]byte(line), bundle):
				found = append(found, "a token at "+t.at(name, n).String())
			}
		}
	}
	return found
}

// holdsToken reports whether a bundle holds a configured token.
func (r *run) holdsToken(data []byte, bundle bool) bool {
	return bundle && slices.ContainsFunc(r.databases, func(d *database) bool {
		token := d.credentials.Token.Reveal()
		return len(token) >= 8 && bytes.Contains(data, []byte(token))
	})
}

// variableNames compares what the code reads with what environment files set: the
// checklist's names are not those that Upstash's clients read by themselves.
func variableNames(_ context.Context, r *run) Finding {
	trees, problem := r.both()
	if problem != nil {
		return *problem
	}
	worst := pass("nothing reads a variable that an environment file misnames")
	for _, part := range []string{"backend", "frontend"} {
		if t := trees[part]; t != nil {
			if f, ok := t.variableNames(); !ok && worst.Status != Fail {
				worst = f
			}
		}
	}
	return worst
}

func (t *tree) variableNames() (Finding, bool) {
	custom, sdk := place{}, false
	for _, name := range t.named(isEnvFile) {
		for n, line := range t.lines(name) {
			m := assigned.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			value := strings.Trim(m[2], `"' `)
			switch m[1] {
			case customers[0]:
				custom = t.at(name, n)
			case sdks[0]:
				sdk = true
			default:
				continue
			}
			if strings.HasPrefix(value, "redis://") || strings.HasPrefix(value, "rediss://") {
				return fail("the TCP protocol's URL is in the REST variable", m[1]+" at "+t.at(name, n).String(),
					"Copy the https:// REST URL from the Upstash console in its place."), false
			}
		}
	}
	if custom.line == 0 || sdk {
		return Finding{}, true
	}
	for _, name := range t.named(isSource) {
		if inBundle(name) {
			continue
		}
		for n, line := range t.lines(name) {
			if fromEnv.MatchString(line) {
				return warn("the client reads other variables than are set",
					t.at(name, n).String()+" reads "+sdks[0]+"; "+custom.String()+" sets "+customers[0],
					"Pass url and token to the client, or set "+sdks[0]+" and "+sdks[1]+" as well."), false
			}
		}
	}
	return Finding{}, true
}
