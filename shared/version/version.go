// Package version says which pongwatch this is.
package version

import (
	"runtime"
	"runtime/debug"
)

// Release is the newest release of CHANGELOG.md. A build from a later commit has it too, and is
// told apart by its commit.
const Release = "v0.1.0"

// Build is what was built.
type Build struct {
	Version string `json:"version"`
	// Commit is empty where the build did not see the repository, as on Cloud Functions. It ends
	// in "-modified" where files differed from it.
	Commit string `json:"commit,omitempty"`
	Go     string `json:"go"`
}

// Read returns what is running.
func Read() Build {
	b := Build{Version: Release, Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	modified := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.Commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "-modified"
		}
	}
	if b.Commit != "" {
		b.Commit += modified
	}
	return b
}

// String returns the version with what tells two builds of it apart.
func (b Build) String() string {
	if b.Commit == "" {
		return b.Version + " (" + b.Go + ")"
	}
	return b.Version + " (commit " + b.Commit + ", " + b.Go + ")"
}
