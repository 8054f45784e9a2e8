package upstashtest

import (
	"context"
	"crypto/sha1" // by which Redis names scripts
	"encoding/hex"
	"slices"
	"strings"
	"sync"
)

// maxScripts bounds the memory for scripts that were rewritten.
const maxScripts = 10_000

// scripts rewrites Lua scripts whose first line has flags that only Upstash knows, such
// as @upstash/ratelimit's "#!lua flags=allow-key-locking", and keeps their names: a
// client asks for a script by the SHA-1 of its own text.
type scripts struct {
	mu    sync.Mutex
	names map[string]string // the SHA-1 of the client's text → that of the rewritten one
}

// translate rewrites the script, or its name, in an EVAL of any kind.
func (s *scripts) translate(args []string, noFlags bool) []string {
	if len(args) < 2 {
		return args
	}
	args = slices.Clone(args)
	if strings.HasPrefix(strings.ToUpper(args[0]), "EVALSHA") {
		args[1] = s.name(args[1])
		return args
	}
	args[1] = s.rewrite(args[1], noFlags)
	return args
}

// rewrite returns what Redis can run, and remembers its name.
func (s *scripts) rewrite(script string, noFlags bool) string {
	rewritten := withoutUpstashFlags(script, noFlags)
	if rewritten == script {
		return script
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.names == nil || len(s.names) >= maxScripts {
		s.names = map[string]string{}
	}
	s.names[scriptName(script)] = scriptName(rewritten)
	return rewritten
}

func (s *scripts) name(sha string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rewritten, ok := s.names[strings.ToLower(sha)]; ok {
		return rewritten
	}
	return sha
}

// withoutUpstashFlags drops the flags that Redis refuses, or with noFlags the whole
// first line, which miniredis does not understand. A comment keeps the line numbers.
func withoutUpstashFlags(script string, noFlags bool) string {
	first, rest, _ := strings.Cut(script, "\n")
	if !strings.HasPrefix(first, "#!lua") {
		return script
	}
	_, list, _ := strings.Cut(first, "flags=")
	flags := slices.DeleteFunc(strings.Split(strings.TrimSpace(list), ","), func(f string) bool { return f == "allow-key-locking" || f == "" })
	if noFlags || len(flags) == 0 {
		return "--\n" + rest
	}
	return "#!lua flags=" + strings.Join(flags, ",") + "\n" + rest
}

func scriptName(script string) string {
	sum := sha1.Sum([]byte(script))
	return hex.EncodeToString(sum[:])
}

// script answers SCRIPT with the names that the client computes.
func (s *Server) script(ctx context.Context, args []string) (answer, bool, error) {
	if len(args) < 3 {
		return answer{}, false, nil
	}
	sent := slices.Clone(args)
	switch strings.ToUpper(args[1]) {
	case "LOAD":
		sent[2] = s.scripts.rewrite(args[2], s.backend.embedded != nil)
		a, err := s.backend.do(ctx, sent)
		if a.err == "" && err == nil {
			a.value = scriptName(args[2])
		}
		return a, true, err
	case "EXISTS":
		for i := 2; i < len(sent); i++ {
			sent[i] = s.scripts.name(sent[i])
		}
		a, err := s.backend.do(ctx, sent)
		return a, true, err
	default:
		return answer{}, false, nil
	}
}
