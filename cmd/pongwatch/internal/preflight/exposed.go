package preflight

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight/sources"
)

const (
	// public are the prefixes of variables that a bundler writes into what browsers load.
	public     = `(?:NEXT_PUBLIC|VITE|REACT_APP|VUE_APP|NUXT_PUBLIC|NUXT_ENV|EXPO_PUBLIC|GATSBY|BUN_PUBLIC|PLASMO_PUBLIC|MIX|NG_APP|PUBLIC)_`
	secretName = `(?:[A-Z0-9_]*(?:UPSTASH|REDIS)|(?:[A-Z0-9]+_)*KV_)[A-Z0-9_]*(?:TOKEN|PASSWORD|SECRET)[A-Z0-9_]*`
)

var (
	leak = regexp.MustCompile(`\b` + public + secretName)
	// secret is a secret's name, wherever it stands.
	secret = regexp.MustCompile(`\b` + secretName)
	// about is how a secret's name ends that is not the secret.
	about = regexp.MustCompile(`_(?:TTL|EXPIRY|EXPIRES\w*|NAME|HEADER|LENGTH|PREFIX)$`)
	// inlined are what configurations write into the bundle under any name: the beginning of a
	// file's name, and what opens the block.
	inlined = [][2]*regexp.Regexp{
		{regexp.MustCompile(`^next\.config`), regexp.MustCompile(`\b(?:env|publicRuntimeConfig)\s*[:=]\s*\{`)},
		{regexp.MustCompile(`^nuxt\.config`), regexp.MustCompile(`\b(?:public|env|publicRuntimeConfig)\s*:\s*\{`)},
		{regexp.MustCompile(`(?:^|\.)(?:vite|astro|svelte|nuxt)\.config`), regexp.MustCompile(`\bdefine\s*:\s*\{`)},
		{regexp.MustCompile(`^app\.(?:config|json)`), regexp.MustCompile(`\bextra["']?\s*:\s*\{`)},
		{regexp.MustCompile(`\.config\.|^webpack`), regexp.MustCompile(`\b(?:Define|Environment)Plugin\s*\(\s*[{[]`)},
	}
	// upstashHost and tokenText in one file mean that a token was written out.
	upstashHost = regexp.MustCompile(`https://[a-z0-9-]+\.upstash\.io`)
	tokenText   = regexp.MustCompile("(?:[\"'`](?:Bearer )?|_token=)A[A-Za-z0-9+/_-]{30,}={0,2}[\"'`]")
	withUser    = regexp.MustCompile(`^rediss?://[^@/]*:[^@/]+@`)
	source      = regexp.MustCompile(`(?:\.(?:[jt]sx?|[mc]js|vue|svelte|astro|py|html|toml|ya?ml)|(?:^|/)(?:(?:Docker|Container)file[^/]*|(?:vercel|app)\.json))$`)

	assigned = regexp.MustCompile(`^\s*(?:-\s+)?(?:export\s+)?["']?([A-Za-z_][A-Za-z0-9_]*)["']?\s*[=:]\s*["']?(.*)$`)
	tcpURL   = regexp.MustCompile(`^\s*(?:redis-cli\s.*)?rediss?://`) // or the command of the console
	isPublic = regexp.MustCompile(`^` + public)
	fromEnv  = regexp.MustCompile(`\bRedis\.(?:fromEnv|from_env)\(`)
)

// built are the folders into which bundlers write for browsers.
var built = []string{"static", "dist", "build", "out", "public"}

// bundled are the files of a bundle beside its sources.
var bundled = []string{".json", ".map", ".txt", ".css"}

func isEnvFile(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(base, ".env") || strings.HasSuffix(base, ".env") || base == ".dev.vars"
}

// setsVariables reports whether a file sets variables of an app: an environment file, or the
// settings of a platform.
func setsVariables(name string) bool {
	return isEnvFile(name) || slices.Contains([]string{".yaml", ".yml", ".toml"}, path.Ext(name))
}

// isSource are programs, and the files that set variables for a build.
func isSource(name string) bool {
	return source.MatchString(name) && !strings.Contains(path.Base(name), "-lock.")
}

func inBundle(name string) bool {
	return slices.ContainsFunc(strings.Split(path.Dir(name), "/"), func(s string) bool { return slices.Contains(built, s) })
}

// exposed looks for tokens on their way into a browser. Evidence names variables and
// places, never a value.
func exposed(r *run, trees []*sources.Tree) Finding {
	var found, unread []string
	holdsToken := func(line string) bool { // a configured one
		return slices.ContainsFunc(r.databases, func(d *database) bool {
			token := d.credentials.Token.Reveal()
			return len(token) >= 8 && strings.Contains(line, token)
		})
	}
	for _, t := range trees {
		unread = append(unread, t.Each(func(name string) bool {
			return isEnvFile(name) || isSource(name) || inBundle(name) && slices.Contains(bundled, path.Ext(name))
		}, func(name string, data []byte) {
			bundle := inBundle(name)
			written := bundle && upstashHost.Match(data) && tokenText.Match(data)
			if !bundle && !isEnvFile(name) {
				data = sources.Code(name, data)
			}
			for n, line := range strings.Split(string(data), "\n") {
				variable := leak.FindString(line)
				if about.MatchString(variable) {
					variable = ""
				}
				if m := assigned.FindStringSubmatch(line); isEnvFile(name) {
					if variable = ""; m != nil && isPublic.MatchString(m[1]) && (leak.MatchString(m[1]) && !about.MatchString(m[1]) || withUser.MatchString(m[2])) {
						variable = m[1]
					}
				}
				switch {
				case variable != "":
					found = append(found, variable+" at "+t.At(name, n+1))
				case written && tokenText.MatchString(line), bundle && holdsToken(line):
					found = append(found, "a token at "+t.At(name, n+1))
				}
			}
			for _, config := range inlined {
				if !config[0].MatchString(path.Base(name)) {
					continue
				}
				for _, begin := range config[1].FindAllIndex(data, -1) {
					inside := data[begin[1]:closing(data, begin[1])]
					if at := secret.FindIndex(inside); at != nil && !leak.Match(inside) {
						found = append(found, string(inside[at[0]:at[1]])+" at "+t.At(name, sources.LineAt(data, begin[1]+at[0])))
					}
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
		return cannotTell(unread)
	}
	return pass("no public variable and no bundle holds a token")
}

// closing returns the offset of what closes the brace or bracket before begin.
func closing(data []byte, begin int) int {
	depth := 1
	for i, c := range data[begin:] {
		switch c {
		case '{', '[', '(':
			depth++
		case '}', ']', ')':
			if depth--; depth == 0 {
				return begin + i
			}
		}
	}
	return len(data)
}

// variableNames compares what the code reads with what environment files set: the
// checklist's names are not those that Upstash's clients read by themselves.
func variableNames(_ *run, trees []*sources.Tree) Finding {
	worst := pass("nothing reads a variable that an environment file misnames")
	for _, t := range trees {
		if f := variableNamesOf(t); f.Status == Fail || f.Status == Warn && worst.Status != Fail {
			worst = f
		}
	}
	return worst
}

func variableNamesOf(t *sources.Tree) Finding {
	var custom, sdk, wrong, misled string
	unread := t.Each(setsVariables, func(name string, data []byte) {
		for n, line := range strings.Split(string(data), "\n") {
			m := assigned.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			at := t.At(name, n+1)
			switch {
			case m[1] == customers[0]:
				custom = at
			case m[1] == sdks[0], strings.HasSuffix(m[1], sdks[2]): // Vercel's has a prefix where the user wants one
				sdk = at
			default:
				continue
			}
			if tcpURL.MatchString(m[2]) {
				wrong = cmp.Or(wrong, m[1]+" at "+at)
			}
		}
	})
	if custom != "" && sdk == "" {
		unread = append(unread, t.Each(func(name string) bool { return isSource(name) && !inBundle(name) }, func(name string, data []byte) {
			if found := fromEnv.FindIndex(sources.Code(name, data)); found != nil {
				at := t.At(name, sources.LineAt(data, found[0]))
				misled = cmp.Or(misled, at+" reads "+sdks[0]+"; "+custom+" sets "+customers[0])
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
		return cannotTell(unread)
	}
	return Finding{Status: Pass}
}
