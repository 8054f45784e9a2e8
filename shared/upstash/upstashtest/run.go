package upstashtest

import (
	"context"
	"crypto/sha1" // by which Redis names scripts
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// run runs one command. The error is the absence of the database behind this server.
func (s *Server) run(c call, args []string) (reply any, err error) {
	if text := s.refusal(c, args); text != "" {
		return redis.Error(text), nil
	}
	if s.upstream != nil {
		return s.upstream.do(c.request, args)
	}
	s.count(args)
	s.monitors.feed(restClient, args)
	ctx := c.request.Context()
	if reply, here, err := s.runHere(ctx, c, args); here {
		return reply, err
	}
	if reply, err = s.backend.do(ctx, s.translate(args)); err != nil {
		return nil, err
	}
	return s.finish(ctx, args, reply)
}

// runTransaction runs commands atomically. The text says why all were discarded.
func (s *Server) runTransaction(c call, list [][]string) (replies []any, discarded string, err error) {
	ctx := c.request.Context()
	replies = make([]any, len(list))
	var sent [][]string
	var places []int // of the sent ones in list
	for i, args := range list {
		if text := s.refusal(c, args); text != "" {
			return nil, text, nil
		}
		reply, here, err := s.runHere(ctx, c, args)
		switch {
		case err != nil:
			return nil, "", err
		case here:
			replies[i] = reply
		default:
			sent, places = append(sent, s.translate(args)), append(places, i)
		}
	}
	for _, args := range list {
		s.count(args)
		s.monitors.feed(restClient, args)
	}
	if len(sent) == 0 {
		return replies, "", nil
	}
	all, err := s.backend.tx(ctx, sent)
	if refused, ok := all.(redis.Error); ok || err != nil {
		return nil, string(refused), err
	}
	for i, reply := range all.([]any) {
		at := places[i]
		if replies[at], err = s.finish(ctx, list[at], reply); err != nil {
			return nil, "", err
		}
	}
	return replies, "", nil
}

// runHere runs the commands that Upstash answers in its own way.
func (s *Server) runHere(ctx context.Context, c call, args []string) (reply any, here bool, err error) {
	name, second := strings.ToUpper(args[0]), ""
	if len(args) > 1 {
		second = strings.ToUpper(args[1])
	}
	switch {
	case name == "INFO":
		text, err := s.info(ctx, args[1:])
		return text, true, err
	case name == "ACL" && second == "WHOAMI" && len(args) == 2:
		if c.readOnly {
			return "default_ro", true, nil
		}
		return "default", true, nil
	case name == "CONFIG" && second == "GET" && len(args) > 2:
		const parameter = "notify-keyspace-events" // the one that Upstash documents
		if slices.ContainsFunc(args[2:], func(a string) bool { return strings.EqualFold(a, parameter) || a == "*" }) {
			return []any{parameter, ""}, true, nil
		}
		return []any{}, true, nil
	case name == "ACL" || name == "CONFIG":
		return redis.Error(fmt.Sprintf(textNotAvailable, strings.TrimSpace(name+" "+second))), true, nil
	}
	return nil, false, nil
}

// translate turns Upstash's dialect into Redis'; finish turns the reply back.
func (s *Server) translate(args []string) []string {
	args = slices.Clone(args)
	switch name := strings.ToUpper(args[0]); name {
	case "SCAN":
		return onePage(hideCursor(withoutOption(args, "WITHTYPE"), 1))
	case "HSCAN", "SSCAN", "ZSCAN":
		return hideCursor(args, 2)
	case "TTL", "EXPIRETIME":
		if s.backend.embedded != nil && len(args) == 2 {
			args[0] = "P" + name
		}
	case "EVAL", "EVAL_RO":
		s.rewriteScript(args[1:])
	case "EVALSHA", "EVALSHA_RO":
		s.renameScripts(args[1:min(2, len(args))])
	case "SCRIPT":
		switch {
		case len(args) < 3:
		case strings.EqualFold(args[1], "LOAD"):
			s.rewriteScript(args[2:])
		default:
			s.renameScripts(args[2:])
		}
	}
	return args
}

// finish turns a reply into Upstash's, and does what needs further commands.
func (s *Server) finish(ctx context.Context, args []string, reply any) (any, error) {
	name := strings.ToUpper(args[0])
	if refused, ok := reply.(redis.Error); ok {
		if strings.HasPrefix(string(refused), "ERR unknown command") {
			refused = redis.Error(fmt.Sprintf(textNotAvailable, name))
		}
		return refused, nil
	}
	s.countLookups(name, reply)
	switch name {
	case "SCAN":
		reply = showCursor(reply)
		if len(withoutOption(args, "WITHTYPE")) < len(args) {
			var err error
			if reply, err = s.withTypes(ctx, reply); err != nil {
				return nil, err
			}
		}
	case "HSCAN", "SSCAN", "ZSCAN":
		reply = showCursor(reply)
	case "TTL", "EXPIRETIME":
		// miniredis cuts the fraction off, so that a TTL is a second short from its first moment on.
		// Redis rounds.
		if ms, ok := reply.(int64); ok && ms >= 0 && s.backend.embedded != nil {
			reply = (ms + 500) / 1000
		}
	case "SCRIPT":
		if strings.EqualFold(args[1], "LOAD") {
			reply = scriptName(args[2])
		}
	}
	return limited(reply), nil
}

// onePage raises SCAN's COUNT, so that a small keyspace has one page as it has at Upstash.
func onePage(args []string) []string {
	const least = 100
	at := slices.IndexFunc(args, func(a string) bool { return strings.EqualFold(a, "COUNT") })
	if at < 0 {
		return append(args, "COUNT", strconv.Itoa(least))
	}
	if n, err := strconv.Atoi(args[min(at+1, len(args)-1)]); err == nil && n > 0 && n < least {
		args[at+1] = strconv.Itoa(least)
	}
	return args
}

// withTypes answers SCAN … WITHTYPE, Upstash's extension: each key followed by its type.
func (s *Server) withTypes(ctx context.Context, page any) (any, error) {
	parts, ok := page.([]any)
	if !ok || len(parts) != 2 {
		return page, nil
	}
	keys, _ := parts[1].([]any)
	var out []any
	for _, key := range keys {
		typ, err := s.backend.do(ctx, []string{"TYPE", fmt.Sprint(key)})
		if err != nil {
			return nil, err
		}
		out = append(out, key, typ)
	}
	return []any{parts[0], out}, nil
}

func withoutOption(args []string, option string) []string {
	return slices.DeleteFunc(slices.Clone(args), func(a string) bool { return strings.EqualFold(a, option) })
}

// Upstash's cursors are opaque: only 0 means anything. The emulator's are Redis'
// in disguise, so that a client which computes with them fails here too.
const (
	cursorMask = 0x15bd3c77
	cursorBase = 1 << 40
)

func hideCursor(args []string, at int) []string {
	if len(args) <= at {
		return args
	}
	if n, err := strconv.ParseUint(args[at], 10, 64); err == nil && n >= cursorBase {
		args[at] = strconv.FormatUint((n-cursorBase)^cursorMask, 10)
	}
	return args
}

func showCursor(page any) any {
	parts, ok := page.([]any)
	if !ok || len(parts) != 2 {
		return page
	}
	cursor, _ := parts[0].(string)
	if n, err := strconv.ParseUint(cursor, 10, 64); err == nil && n != 0 {
		parts[0] = strconv.FormatUint((n^cursorMask)+cursorBase, 10)
	}
	return parts
}

// rewriteScript removes from a script the flag that only Upstash knows, as @upstash/ratelimit has it
// in "#!lua flags=allow-key-locking", and for miniredis, which understands none, the whole first line.
// A client asks for a script by the SHA-1 of its own text, so that both names are kept.
func (s *Server) rewriteScript(args []string) {
	if len(args) == 0 {
		return
	}
	const foreign = "allow-key-locking"
	first, rest, _ := strings.Cut(args[0], "\n")
	if !strings.HasPrefix(first, "#!lua") || s.backend.embedded == nil && !strings.Contains(first, foreign) {
		return
	}
	_, list, _ := strings.Cut(first, "flags=")
	flags := slices.DeleteFunc(strings.Split(strings.TrimSpace(list), ","), func(f string) bool { return f == foreign || f == "" })
	rewritten := "--\n" + rest // a comment keeps the line numbers
	if s.backend.embedded == nil && len(flags) > 0 {
		rewritten = "#!lua flags=" + strings.Join(flags, ",") + "\n" + rest
	}
	s.scripts.Store(scriptName(args[0]), scriptName(rewritten))
	args[0] = rewritten
}

// renameScripts replaces the names of scripts that were rewritten.
func (s *Server) renameScripts(names []string) {
	for i, name := range names {
		if rewritten, ok := s.scripts.Load(strings.ToLower(name)); ok {
			names[i] = rewritten.(string)
		}
	}
}

func scriptName(script string) string {
	sum := sha1.Sum([]byte(script))
	return hex.EncodeToString(sum[:])
}
