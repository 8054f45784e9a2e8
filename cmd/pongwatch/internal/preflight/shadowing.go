package preflight

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	imported   = regexp.MustCompile(`(?m)^\s*(?:from|import)\s+([\w.]+(?:\s*,\s*[\w.]+)*)`)
	ofClient   = regexp.MustCompile(`^(?:redis|upstash_redis)(?:\.|$)`)
	appFile    = regexp.MustCompile(`(?i)^(?:requirements.*\.txt|pyproject\.toml|pipfile|setup\.py|dockerfile.*|procfile|manage\.py)$`)
	searchable = []string{".", "src"}
)

// imports are what the sources of a tree tell of its folders.
type imports struct {
	packages map[string]bool // folders that are imported by their dotted name, or from within
	scripts  map[string]bool // folders whose files import a client by its own name
	apps     map[string]bool // folders that are an app of their own
}

// readImports reads the import statements of every Python source.
func (t *tree) readImports() (i imports, unread []string) {
	i = imports{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	unread = t.each(func(name string) bool { return path.Ext(name) == ".py" }, func(name string, data []byte) {
		dir := path.Dir(name)
		for _, m := range imported.FindAllSubmatch(code(name, data), -1) {
			for text := range strings.SplitSeq(string(m[1]), ",") {
				switch text = strings.TrimSpace(text); {
				case strings.HasPrefix(text, "."):
					i.packages[dir] = true
				case ofClient.MatchString(text):
					i.scripts[dir] = true
				default:
					// import a.b.c makes packages of a, a/b and a/b/c, where these are folders.
					for name := strings.ReplaceAll(text, ".", "/"); name != "."; name = path.Dir(name) {
						i.packages[name], i.packages["src/"+name] = true, true
					}
				}
			}
		}
	})
	for _, name := range t.files {
		if appFile.MatchString(path.Base(name)) {
			i.apps[path.Dir(name)] = true
		}
	}
	return i, unread
}

// shadowing looks for modules of a client's name where Python looks first: in the folder
// of a script, of the app, and in src. Within a package, a module has another name, and a
// folder without __init__.py loses to an installed package.
func shadowing(_ *run, trees []*tree) Finding {
	t := trees[0]
	modules := map[string][]string{}
	for _, name := range t.files {
		dir, base := path.Split(name)
		if base == "__init__.py" {
			dir, base = path.Split(path.Clean(dir))
		}
		if module := strings.TrimSuffix(base, ".py"); !ofTests(name) && path.Ext(name) == ".py" && (module == "redis" || module == "upstash_redis") {
			modules[path.Clean(dir)] = append(modules[path.Clean(dir)], name)
		}
	}
	i, unread := t.readImports()
	var certain, possible []string
	for _, dir := range t.dirs {
		isApp := slices.Contains(searchable, dir) || i.apps[dir]
		regular := t.inPackage(dir)
		for _, name := range modules[dir] {
			switch place := t.at(name, 1).String(); {
			case regular, i.packages[dir] && !isApp:
			case isApp, i.scripts[dir]:
				certain = append(certain, place)
			default:
				possible = append(possible, place)
			}
		}
	}
	steps := []string{
		"Rename it, to redis_client.py for one, and delete its __pycache__.",
		`Confirm: python -c "import upstash_redis; print(upstash_redis.__file__)"`,
	}
	switch {
	case len(certain) > 0:
		return fail("a local module hides the client of its name", strings.Join(slices.Concat(certain, possible), ", "), steps...)
	case len(possible) > 0:
		return warn("a local module hides the client where its folder is the first on Python's path", strings.Join(possible, ", "), steps...)
	case len(unread) > 0 && len(modules) > 0:
		return cannotTell(unread)
	}
	return pass("no redis.py, redis/, upstash_redis.py or upstash_redis/")
}

// inPackage reports whether a folder or one above it is a regular package.
func (t *tree) inPackage(dir string) bool {
	for ; dir != "."; dir = path.Dir(dir) {
		if slices.Contains(t.files, path.Join(dir, "__init__.py")) {
			return true
		}
	}
	return slices.Contains(t.files, "__init__.py")
}
