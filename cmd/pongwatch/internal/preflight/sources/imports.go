package sources

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	imported   = regexp.MustCompile(`(?m)^\s*(?:from|import)\s+([\w.]+(?:\s*,\s*[\w.]+)*)`)
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
func (t *Tree) readImports(names []string) (i imports, unread []string) {
	i = imports{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	unread = t.Each(func(name string) bool { return path.Ext(name) == ".py" }, func(name string, data []byte) {
		dir := path.Dir(name)
		for _, m := range imported.FindAllSubmatch(Code(name, data), -1) {
			for text := range strings.SplitSeq(string(m[1]), ",") {
				switch text = strings.TrimSpace(text); {
				case strings.HasPrefix(text, "."):
					i.packages[dir] = true
				case slices.Contains(names, strings.Split(text, ".")[0]):
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
	for _, name := range t.Files {
		if appFile.MatchString(path.Base(name)) {
			i.apps[path.Dir(name)] = true
		}
	}
	return i, unread
}

// Shadows looks for modules of these names where Python looks first: in the folder of a
// script, of the app, and in src. Within a package, a module has another name, and a folder
// without __init__.py loses to an installed package. Whether a possible one is ever found
// first, the sources do not say.
func (t *Tree) Shadows(names ...string) (certain, possible, unread []string) {
	i, unread := t.readImports(names)
	for _, name := range t.Files {
		dir, base := path.Split(name)
		if base == "__init__.py" {
			dir, base = path.Split(path.Clean(dir))
		}
		dir = path.Clean(dir)
		module := strings.TrimSuffix(base, ".py")
		if OfTests(name) || hidden.MatchString(name) || path.Ext(name) != ".py" || !slices.Contains(names, module) || t.installed(dir, module) {
			continue
		}
		isApp := slices.Contains(searchable, dir) || i.apps[dir]
		switch place := t.At(name, 1); {
		case t.inPackage(dir), i.packages[dir] && !isApp:
		case isApp, i.scripts[dir]:
			certain = append(certain, place)
		default:
			possible = append(possible, place)
		}
	}
	if len(certain)+len(possible) == 0 {
		unread = nil // no module of these names is there, whatever is imported
	}
	return certain, possible, unread
}

// installed reports whether a folder has what pip writes beside a package that it has put there.
func (t *Tree) installed(dir, module string) bool {
	return slices.ContainsFunc(t.Dirs, func(d string) bool {
		name, version, ok := strings.Cut(strings.ToLower(path.Base(d)), "-")
		return path.Dir(d) == dir && ok && name == module && (strings.HasSuffix(version, ".dist-info") || strings.HasSuffix(version, ".egg-info"))
	})
}

// inPackage reports whether a folder or one above it is a regular package.
func (t *Tree) inPackage(dir string) bool {
	for ; dir != "."; dir = path.Dir(dir) {
		if slices.Contains(t.Files, path.Join(dir, "__init__.py")) {
			return true
		}
	}
	return slices.Contains(t.Files, "__init__.py")
}
