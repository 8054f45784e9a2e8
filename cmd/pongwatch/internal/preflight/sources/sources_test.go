package sources

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestARangeOfNpmIsJudged(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Verdict{
		"1.28.0": Newer, "1.27.9": Older, "=1.39.0": Newer, "v1.28.0": Newer, "1.28.0-rc.1": Older,
		"^1.28.0": Newer, "^1.27.0": Untold, "~1.27.0": Older, "~1.28": Newer, "^0.99": Older, "^2": Newer,
		">=1.28": Newer, ">=1.20": Untold, ">1.26": Untold, ">=1.20,<1.28": Older, ">=1.20 <1.28": Older,
		">=1.20,<=1.28.0": Untold, ">=1.30,<2": Newer, "1.20.0 - 1.27.9": Older, "1.28.0 - 1.30.0": Newer,
		"1.x": Untold, "1.27.x": Older, "2.x": Newer, "!=1.30.0": Untold, "<1.28.0": Older, "<=1.28.0": Untold,
		"*": Untold, "": Untold, "latest": Untold, "workspace:*": Untold, "^1.28.0 || ^1.20.0": Untold, "^1.28.0 || ^2": Newer, "1.20.x||1.0.0 - 1.26": Older, "=1.29||2.0 - 2": Newer,
		// npm reads an incomplete version as all that begin with it.
		">1.27": Newer,
	} {
		if got := Node.judge(text); got != want {
			t.Errorf("Node.judge(%q) = %v, want %v", text, got, want)
		}
	}
}

func TestARequirementOfPythonIsJudged(t *testing.T) {
	t.Parallel()
	raised := Python
	raised.Floor = Node.Floor
	for text, want := range map[string]Verdict{
		"1.28.0": Newer, "1.27.9": Older, "==1.39.0": Newer, "===1.27.0": Older, "v1.28.0": Newer, "1.28": Newer,
		"^1.28.0": Newer, "^1.27.0": Untold, "~1.27.0": Older, "~1.28": Newer, "^0.99": Older, "^2": Newer, "^0.0.3": Older,
		">=1.28": Newer, ">=1.20": Untold, ">1.27": Untold, ">=1.20,<1.28": Older, ">=1.20, <=1.28.0": Untold, ">=1.30,<2": Newer,
		"~=1.27": Untold, "~=1.27.0": Older, "==1.*": Untold, "==1.27.*": Older, "==2.*": Newer, "==1.28.0.*": Newer, "!=1.27.1.*, <=1.27.3": Older, "!=1.30.0": Untold,
		"*": Untold, "": Untold, "^1.28.0 || ^1.20.0": Untold, "^1.28.0 || ^2": Newer, "==1.28.0.post1": Newer, "==1.28.0rc1": Older, "==1.28.dev2": Older, "~=1.28.0b1": Untold, "1!0.1": Newer, "1.27.0+local": Older,
		"@ git+https://example.com/x@v0.14": Untold, "99999999999999999999": Untold,
	} {
		if got := raised.judge(text); got != want {
			t.Errorf("judge(%q) = %v, want %v", text, got, want)
		}
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
			tree, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			tree.root = "x"
			var got []string
			for _, e := range []Ecosystem{Python, Node} {
				s := tree.scan(e)
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

// No content of any file ends the program, or is a verdict without a file that says so.
func FuzzFiles(f *testing.F) {
	files := []string{
		"package.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "deno.json", "deno.lock", "pnpm-workspace.yaml", "requirements.txt",
		"pyproject.toml", "poetry.lock", "uv.lock", "Pipfile", "Pipfile.lock", "setup.cfg", "setup.py", "environment.yml", "Dockerfile", "main.py",
	}
	for i, seed := range []string{
		`{"dependencies": {"@upstash/redis": "catalog:"}, "overrides": {"@a/b>@upstash/redis@<1": "$x", "": {".": 1}}}`, `{"dependencies": {"@upstash/redis": {"version": "npm:@"}}}`,
		"# yarn lockfile v1\n\n@upstash/redis@:\n  version \"1\"\n", "packages:\n  /@upstash/redis/1:\n  '@':\n", `{"packages": {"a": ["@"], /* */ "b": [],},}`, `{"imports": {"": "npm:@"}}`,
		`{"npm": {"@upstash/redis@1_": 1, "packages": 2}}`, "overrides: {'>': 1}\n", "-r \n-c x\n-e #egg=\nupstash-redis[,]~=1!\\\n", "[project]\ndynamic=['dependencies']\n", "[[package]]\nname=''\n",
		"", "[packages]\nupstash-redis=[{}]\n", `{"default": {"upstash-redis": {}}}`, "[options]\ninstall_requires=file:\n x;y\n", "install_requires", "dependencies: [{pip: [1]}, '::=']\n", "upstash-redis", "from . import \"",
	} {
		f.Add(i, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, file int, data []byte) {
		dir, name := t.TempDir(), files[(file%len(files)+len(files))%len(files)]
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		tree, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range []Ecosystem{Python, Node} {
			if said := tree.Said(e); said.Verdict != Absent && len(said.Evidence) == 0 {
				t.Errorf("%s: %+v", name, said)
			}
			tree.Others(e)
		}
		tree.Shadows("redis")
	})
}

// An exact version is known, and alternatives are known where all of them agree.
func TestVersionsAreJudgedByTheirOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		version := func(label string) (string, Verdict) {
			major, minor := rapid.IntRange(0, 2).Draw(t, label+" major"), rapid.IntRange(0, 40).Draw(t, label+" minor")
			if major < 1 || major == 1 && minor < 28 {
				return fmt.Sprintf("%d.%d.%d", major, minor, rapid.IntRange(0, 30).Draw(t, label+" patch")), Older
			}
			return fmt.Sprintf("%d.%d.%d", major, minor, rapid.IntRange(0, 30).Draw(t, label+" patch")), Newer
		}
		a, wantA := version("a")
		b, wantB := version("b")
		both := wantA
		if wantA != wantB {
			both = Untold
		}
		pip := Python
		pip.Floor = Node.Floor
		for _, c := range []struct {
			e    Ecosystem
			text string
			want Verdict
		}{
			{Node, a, wantA},
			{pip, "==" + a, wantA},
			{pip, a + ".post1", wantA},
			{Node, a + " || " + b, both},
			{Node, a + "||" + b, both},
			{pip, "==" + a + " || ==" + b, both},
		} {
			if got := c.e.judge(c.text); got != c.want {
				t.Errorf("judge(%q) = %v, want %v", c.text, got, c.want)
			}
		}
	})
}
