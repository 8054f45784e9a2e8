package preflight

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Masterminds/semver/v3"
)

func TestARangeOfNpmIsJudged(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]reach{
		"1.28.0": reachAlways, "1.27.9": reachNever, "=1.39.0": reachAlways, "v1.28.0": reachAlways, "1.28.0-rc.1": reachNever,
		"^1.28.0": reachAlways, "^1.27.0": reachMaybe, "~1.27.0": reachNever, "~1.28": reachAlways, "^0.99": reachNever, "^2": reachAlways,
		">=1.28": reachAlways, ">=1.20": reachMaybe, ">1.26": reachMaybe, ">=1.20,<1.28": reachNever, ">=1.20 <1.28": reachNever,
		">=1.20,<=1.28.0": reachMaybe, ">=1.30,<2": reachAlways, "1.20.0 - 1.27.9": reachNever, "1.28.0 - 1.30.0": reachAlways,
		"1.x": reachMaybe, "1.27.x": reachNever, "2.x": reachAlways, "!=1.30.0": reachMaybe, "<1.28.0": reachNever, "<=1.28.0": reachMaybe,
		"*": reachMaybe, "": reachMaybe, "latest": reachMaybe, "workspace:*": reachMaybe, "^1.28.0 || ^1.20.0": reachMaybe, "^1.28.0 || ^2": reachAlways,
		// npm reads an incomplete version as all that begin with it.
		">1.27": reachAlways,
	} {
		if got := node.judge(text); got != want {
			t.Errorf("node.judge(%q) = %v, want %v", text, got, want)
		}
	}
	if !nodeFloor.Equal(semver.MustParse("1.28.0")) {
		t.Errorf("the table is for a floor of 1.28.0, not of %s", nodeFloor)
	}
}

func TestARequirementOfPythonIsJudged(t *testing.T) {
	t.Parallel()
	floor := semver.MustParse("1.28.0")
	for text, want := range map[string]reach{
		"1.28.0": reachAlways, "1.27.9": reachNever, "==1.39.0": reachAlways, "===1.27.0": reachNever, "v1.28.0": reachAlways, "1.28": reachAlways,
		"^1.28.0": reachAlways, "^1.27.0": reachMaybe, "~1.27.0": reachNever, "~1.28": reachAlways, "^0.99": reachNever, "^2": reachAlways, "^0.0.3": reachNever,
		">=1.28": reachAlways, ">=1.20": reachMaybe, ">1.27": reachMaybe, ">=1.20,<1.28": reachNever, ">=1.20, <=1.28.0": reachMaybe, ">=1.30,<2": reachAlways,
		"~=1.27": reachMaybe, "~=1.27.0": reachNever, "==1.*": reachMaybe, "==1.27.*": reachNever, "==2.*": reachAlways, "!=1.30.0": reachMaybe,
		"*": reachMaybe, "": reachMaybe, "^1.28.0 || ^1.20.0": reachMaybe, "^1.28.0 || ^2": reachAlways, "==1.28.0.post1": reachAlways, "1.27.0+local": reachNever,
		"@ git+https://example.com/x@v0.14": reachMaybe, "99999999999999999999": reachMaybe,
	} {
		if got := judgePython(text, floor); got != want {
			t.Errorf("judgePython(%q, %v) = %v, want %v", text, floor, got, want)
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
		"an extra of Poetry is no package": {"pyproject.toml", "[tool.poetry.dependencies]\ncelery = {version = \"5\", extras = [\"redis\"]}\n", ""},
		"a group of Poetry":                {"pyproject.toml", "[tool.poetry.group.dev.dependencies]\nredis = \"^5\"\n", "redis ^5 at x/pyproject.toml:2"},
		"a pin with a hash":                {"requirements.txt", "-r base.txt\nupstash-redis==1.4.0 --hash=sha256:0123\n", "upstash-redis ==1.4.0 at x/requirements.txt:2"},
		"a name within a name":             {"requirements.txt", "my-redis==1\nredis\n", "redis at x/requirements.txt:2"},
		"yarn 2, an alias":                 {"yarn.lock", "\"cache@npm:@upstash/redis@1.27.1\":\n  version: 1.27.1\n", "@upstash/redis 1.27.1 at x/yarn.lock:2"},
		"yarn 1, two ranges":               {"yarn.lock", "redis@^4, redis@^4.1:\n  version \"4.7.0\"\n", "redis 4.7.0 at x/yarn.lock:2"},
		"pnpm 5":                           {"pnpm-lock.yaml", "packages:\n\n  /@upstash/redis/1.20.0_x@1:\n    dev: false\n", "@upstash/redis 1.20.0 at x/pnpm-lock.yaml:3"},
		"pnpm 6 with a peer":               {"pnpm-lock.yaml", "packages:\n  /ioredis@5.4.0(x@1.0.0):\n    dev: false\n", "ioredis 5.4.0 at x/pnpm-lock.yaml:2"},
		"npm 1":                            {"package-lock.json", "{\"dependencies\": {\n\"redis\": {\n\"version\": \"4.7.0\"}}}", "redis 4.7.0 at x/package-lock.json:3"},
		"a keyword is no dependency":       {"package.json", "{\"keywords\": [\"redis\"],\n\"devDependencies\": {\n\"redis\": \"^4\"}}", "redis ^4 at x/package.json:3"},
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
				found, unread := sources.dependencies(e)
				if len(unread) > 0 {
					t.Errorf("not read: %v", unread)
				}
				for _, d := range found {
					got = append(got, d.describe())
				}
			}
			if strings.Join(got, "; ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
