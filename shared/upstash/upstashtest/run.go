package upstashtest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// run runs one command as who. The error is the backend's absence.
func (s *Server) run(ctx context.Context, who identity, args []string) (answer, error) {
	if text := refusal(who, s.Fault(), args); text != "" {
		return answer{err: text}, nil
	}
	s.figures.count(args)
	s.monitors.feed(restClient, args)
	if a, ok, err := s.runHere(ctx, who, args); ok || err != nil {
		return a, err
	}
	sent, restore := s.translate(args)
	a, err := s.backend.do(ctx, sent)
	if err != nil {
		return answer{}, err
	}
	a, err = s.finish(ctx, args, restore(a))
	return limited(a), err
}

// runTransaction runs commands atomically. The text says why all were discarded.
func (s *Server) runTransaction(ctx context.Context, who identity, list [][]string) ([]answer, string, error) {
	answers := make([]answer, len(list))
	type forwarded struct {
		at      int // in list
		restore func(answer) answer
	}
	var forwards []forwarded
	var sent [][]string
	for i, args := range list {
		if text := refusal(who, s.Fault(), args); text != "" {
			return nil, text, nil
		}
		a, ok, err := s.runHere(ctx, who, args)
		if err != nil {
			return nil, "", err
		}
		if ok {
			answers[i] = a
			continue
		}
		translated, restore := s.translate(args)
		sent, forwards = append(sent, translated), append(forwards, forwarded{i, restore})
	}
	for _, args := range list {
		s.figures.count(args)
		s.monitors.feed(restClient, args)
	}
	if len(sent) == 0 {
		return answers, "", nil
	}
	results, discarded, err := s.backend.tx(ctx, sent)
	if err != nil || discarded.err != "" {
		return nil, discarded.err, err
	}
	for i, f := range forwards {
		if answers[f.at], err = s.finish(ctx, list[f.at], f.restore(results[i])); err != nil {
			return nil, "", err
		}
		answers[f.at] = limited(answers[f.at])
	}
	return answers, "", nil
}

// runHere answers the commands that Upstash answers in its own way.
func (s *Server) runHere(ctx context.Context, who identity, args []string) (answer, bool, error) {
	switch strings.ToUpper(args[0]) {
	case "INFO":
		text, err := s.info(ctx, args[1:])
		return answer{value: text}, true, err
	case "CONFIG":
		return config(args), true, nil
	case "ACL":
		if len(args) == 2 && strings.EqualFold(args[1], "WHOAMI") {
			return answer{value: who.user}, true, nil
		}
		return answer{err: fmt.Sprintf(textNotAvailable, strings.ToUpper(strings.Join(args[:min(len(args), 2)], " ")))}, true, nil
	case "SCRIPT":
		return s.script(ctx, args)
	default:
		return answer{}, false, nil
	}
}

// translate turns Upstash's dialect into Redis', and returns what turns the answer back.
func (s *Server) translate(args []string) ([]string, func(answer) answer) {
	same := func(a answer) answer { return a }
	switch name := strings.ToUpper(args[0]); name {
	case "SCAN":
		return onePage(translateCursor(withoutOption(args, "WITHTYPE"), 1)), restoreCursor
	case "TTL", "EXPIRETIME":
		if s.backend.embedded != nil && len(args) == 2 {
			return []string{"P" + name, args[1]}, inSeconds
		}
		return args, same
	case "HSCAN", "SSCAN", "ZSCAN":
		return translateCursor(args, 2), restoreCursor
	case "EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO":
		return s.scripts.translate(args, s.backend.embedded != nil), same
	default:
		return args, same
	}
}

// inSeconds rounds milliseconds as Redis does. miniredis cuts the fraction off, so that a TTL
// is a second short from its first moment on.
func inSeconds(a answer) answer {
	if ms, ok := a.value.(int64); ok && ms >= 0 {
		a.value = (ms + 500) / 1000
	}
	return a
}

// onePage raises SCAN's COUNT, so that a small keyspace has one page as it has at Upstash.
func onePage(args []string) []string {
	const least = 100
	at := slices.IndexFunc(args, func(a string) bool { return strings.EqualFold(a, "COUNT") })
	if at < 0 {
		return append(slices.Clone(args), "COUNT", strconv.Itoa(least))
	}
	if n, err := strconv.Atoi(args[min(at+1, len(args)-1)]); err != nil || n <= 0 || n >= least {
		return args
	}
	args = slices.Clone(args)
	args[at+1] = strconv.Itoa(least)
	return args
}

// finish does what needs further commands, counts, and renames what Redis lacks.
func (s *Server) finish(ctx context.Context, args []string, a answer) (answer, error) {
	name := strings.ToUpper(args[0])
	if strings.HasPrefix(a.err, "ERR unknown command") {
		return answer{err: fmt.Sprintf(textNotAvailable, name)}, nil
	}
	s.figures.countLookups(name, a)
	if name == "SCAN" && len(withoutOption(args, "WITHTYPE")) < len(args) && a.err == "" {
		return s.withTypes(ctx, a)
	}
	return a, nil
}

// withTypes answers SCAN … WITHTYPE, Upstash's extension: each key followed by its type.
func (s *Server) withTypes(ctx context.Context, page answer) (answer, error) {
	parts, ok := page.value.([]any)
	if !ok || len(parts) != 2 {
		return page, nil
	}
	keys, _ := parts[1].([]any)
	var out []any
	for _, key := range keys {
		typ, err := s.backend.do(ctx, []string{"TYPE", fmt.Sprint(key)})
		if err != nil {
			return answer{}, err
		}
		out = append(out, key, typ.value)
	}
	return answer{value: []any{parts[0], out}}, nil
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

func translateCursor(args []string, at int) []string {
	if len(args) <= at {
		return args
	}
	n, err := strconv.ParseUint(args[at], 10, 64)
	if err != nil || n < cursorBase {
		return args
	}
	args = slices.Clone(args)
	args[at] = strconv.FormatUint((n-cursorBase)^cursorMask, 10)
	return args
}

func restoreCursor(a answer) answer {
	parts, ok := a.value.([]any)
	if !ok || len(parts) != 2 {
		return a
	}
	cursor, _ := parts[0].(string)
	n, err := strconv.ParseUint(cursor, 10, 64)
	if err != nil || n == 0 {
		return a
	}
	return answer{value: []any{strconv.FormatUint((n^cursorMask)+cursorBase, 10), parts[1]}}
}

// config knows the one parameter that Upstash documents.
func config(args []string) answer {
	if len(args) < 3 || !strings.EqualFold(args[1], "GET") {
		return answer{err: fmt.Sprintf(textNotAvailable, strings.ToUpper(strings.Join(args[:min(len(args), 2)], " ")))}
	}
	const parameter = "notify-keyspace-events"
	if slices.ContainsFunc(args[2:], func(a string) bool { return strings.EqualFold(a, parameter) || a == "*" }) {
		return answer{value: []any{parameter, ""}}
	}
	return answer{value: []any{}}
}
