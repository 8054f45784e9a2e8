package preflight

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestARangeOfNpmIsJudged(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]verdict{
		"1.28.0": newer, "1.27.9": older, "=1.39.0": newer, "v1.28.0": newer, "1.28.0-rc.1": older,
		"^1.28.0": newer, "^1.27.0": untold, "~1.27.0": older, "~1.28": newer, "^0.99": older, "^2": newer,
		">=1.28": newer, ">=1.20": untold, ">1.26": untold, ">=1.20,<1.28": older, ">=1.20 <1.28": older,
		">=1.20,<=1.28.0": untold, ">=1.30,<2": newer, "1.20.0 - 1.27.9": older, "1.28.0 - 1.30.0": newer,
		"1.x": untold, "1.27.x": older, "2.x": newer, "!=1.30.0": untold, "<1.28.0": older, "<=1.28.0": untold,
		"*": untold, "": untold, "latest": untold, "workspace:*": untold, "^1.28.0 || ^1.20.0": untold, "^1.28.0 || ^2": newer, "1.20.x||1.0.0 - 1.26": older, "=1.29||2.0 - 2": newer,
		// npm reads an incomplete version as all that begin with it.
		">1.27": newer,
	} {
		if got := node.judge(text); got != want {
			t.Errorf("node.judge(%q) = %v, want %v", text, got, want)
		}
	}
}

func TestARequirementOfPythonIsJudged(t *testing.T) {
	t.Parallel()
	raised := python
	raised.floor = node.floor
	for text, want := range map[string]verdict{
		"1.28.0": newer, "1.27.9": older, "==1.39.0": newer, "===1.27.0": older, "v1.28.0": newer, "1.28": newer,
		"^1.28.0": newer, "^1.27.0": untold, "~1.27.0": older, "~1.28": newer, "^0.99": older, "^2": newer, "^0.0.3": older,
		">=1.28": newer, ">=1.20": untold, ">1.27": untold, ">=1.20,<1.28": older, ">=1.20, <=1.28.0": untold, ">=1.30,<2": newer,
		"~=1.27": untold, "~=1.27.0": older, "==1.*": untold, "==1.27.*": older, "==2.*": newer, "==1.28.0.*": newer, "!=1.27.1.*, <=1.27.3": older, "!=1.30.0": untold,
		"*": untold, "": untold, "^1.28.0 || ^1.20.0": untold, "^1.28.0 || ^2": newer, "==1.28.0.post1": newer, "==1.28.0rc1": older, "==1.28.dev2": older, "~=1.28.0b1": untold, "1!0.1": newer, "1.27.0+local": older,
		"@ git+https://example.com/x@v0.14": untold, "99999999999999999999": untold,
	} {
		if got := raised.judge(text); got != want {
			t.Errorf("judge(%q) = %v, want %v", text, got, want)
		}
	}
}

// What a file holds that cannot be decoded is not known: that is no pass, and no
// package is said to be missing.
func TestAFileThatIsNotReadIsNotAbsent(t *testing.T) {
	t.Parallel()
	large := strings.Repeat(" ", maxFile) + "{}"
	for name, c := range map[string]struct{ file, content, id string }{
		"a package.json that is no JSON":       {"package.json", `{"dependencies": {"@upstash/redis": canary`, "packages.frontend"},
		"dependencies that are a list":         {"package.json", `{"dependencies": ["canary"]}`, "packages.frontend"},
		"a lock file that is cut off":          {"package-lock.json", `{"packages": {`, "packages.frontend"},
		"a lock file of pnpm that is no YAML":  {"pnpm-lock.yaml", "packages: [canary", "packages.frontend"},
		"a lock file that is too large":        {"package-lock.json", large, "packages.frontend"},
		"a pyproject.toml that is no TOML":     {"pyproject.toml", "[project\ncanary", "packages.backend"},
		"a lock file of Poetry that is cut":    {"poetry.lock", "[[package]]\nname = \"canary", "packages.backend"},
		"a second client may stand in it, too": {"uv.lock", "[[package", "packages.conflict"},
		"a bundle that is too large":           {"dist/main.js", large, "security.exposed"},
		"a source that is too large":           {"main.py", large, "security.exposed"},
		"an environment file that is too large": {
			".env", large, "packages.variables",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, filepath.FromSlash(c.file))
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			record, err := Run(t.Context(), Options{Backend: dir, Frontend: dir, Only: []string{c.id}})
			if err != nil {
				t.Fatal(err)
			}
			got := record.Results[0]
			if got.Status != Warn || !strings.Contains(got.Evidence, c.file) || strings.Contains(got.Evidence, "canary") {
				t.Errorf("%+v, want a warning that names %s and quotes nothing of it", got.Finding, c.file)
			}
		})
	}
}

// Manifests have many forms. Each mention is found once, with its line.
func TestFormsOfManifests(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, content, want string }{
		"groups, extras and markers": {
			"pyproject.toml",
			"[dependency-groups]\ncache = [\n 'Upstash_Redis[async] >= 1.0 ; python_version > \"3.9\"', # x\n {include-group = \"y\"},\n]\n",
			"upstash-redis >= 1.0 at x/pyproject.toml:3",
		},
		"an extra installs the other client": {"pyproject.toml", "[tool.poetry.dependencies]\ncelery = {version = \"5\", extras = [\"redis\"]}\n", "redis by celery[redis] at x/pyproject.toml:2"},
		"a group of Poetry":                  {"pyproject.toml", "[tool.poetry.group.dev.dependencies]\nredis = \"^5\"\n", "redis ^5 at x/pyproject.toml:2"},
		"a pin with a hash":                  {"requirements.txt", "-i https://packages.example.com\nupstash-redis==1.4.0 --hash=sha256:0123\n", "upstash-redis ==1.4.0 at x/requirements.txt:2"},
		"a name within a name":               {"requirements.txt", "my-redis==1\nredis\n", "redis at x/requirements.txt:2"},
		"yarn 2, an alias":                   {"yarn.lock", "\"cache@npm:@upstash/redis@1.27.1\":\n  version: 1.27.1\n", "@upstash/redis 1.27.1 at x/yarn.lock:2"},
		"yarn 1, two ranges":                 {"yarn.lock", "redis@^4, redis@^4.1:\n  version \"4.7.0\"\n", "redis 4.7.0 at x/yarn.lock:2"},
		"pnpm 5":                             {"pnpm-lock.yaml", "packages:\n\n  /@upstash/redis/1.20.0_x@1:\n    dev: false\n", "@upstash/redis 1.20.0 at x/pnpm-lock.yaml:3"},
		"pnpm 6 with a peer":                 {"pnpm-lock.yaml", "packages:\n  /ioredis@5.4.0(x@1.0.0):\n    dev: false\n", "ioredis 5.4.0 at x/pnpm-lock.yaml:2"},
		"npm 1":                              {"package-lock.json", "{\"dependencies\": {\n\"redis\": {\n\"version\": \"4.7.0\"}}}", "redis 4.7.0 at x/package-lock.json:3"},
		"a keyword is no dependency":         {"package.json", "{\"keywords\": [\"redis\"],\n\"devDependencies\": {\n\"redis\": \"^4\"}}", "redis ^4 at x/package.json:3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			sources, err := plant(dir)
			if err != nil {
				t.Fatal(err)
			}
			sources.root = "x"
			var got []string
			for _, e := range []ecosystem{python, node} {
				s := sources.scan(e)
				if len(s.unread) > 0 {
					t.Errorf("not read: %v", s.unread)
				}
				for _, m := range s.found {
					got = append(got, s.show(m))
				}
			}
			if strings.Join(got, "; ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
