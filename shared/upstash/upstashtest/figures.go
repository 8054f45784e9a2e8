package upstashtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// figures are the numbers that the server counts or was given.
type figures struct {
	commands      map[string]int64
	billed        int64
	reads, writes int64
	hits, misses  int64
	syncs         int64
	info          map[string]string // overrides of INFO, by field
	monthly       int64             // added to the month's commands
	month         Month             // what the account says of the month beside them
	actions       []Action          // the audit log
	settings      map[string]any    // overrides of the account's fields
	joined        []*Server         // whose databases are in the same account
}

// SetInfo sets a field of INFO, for example ("total_data_size", "260000000"). An empty
// value sets it free again: it is then counted, or its default.
func (s *Server) SetInfo(field, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if value == "" {
		delete(s.figures.info, field)
		return
	}
	s.figures.info[field] = value
}

// count counts one command that was let in.
func (s *Server) count(args []string) {
	name := strings.ToUpper(args[0])
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &s.figures
	f.commands[name]++
	switch commands[name] {
	case operational, unknown:
		return
	case read:
		f.reads++
	case write, remove:
		f.writes++
	}
	f.billed++
}

// countLookups keeps keyspace_hits and keyspace_misses.
func (s *Server) countLookups(name string, reply any) {
	var values []any
	switch name {
	case "GET", "HGET", "GETEX", "GETDEL", "TYPE":
		values = []any{reply}
	case "MGET", "HMGET":
		values, _ = reply.([]any)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range values {
		if v == nil || v == "none" && name == "TYPE" {
			s.figures.misses++
		} else {
			s.figures.hits++
		}
	}
}

// Commands returns how many commands Upstash would have billed so far: those of
// pipelines one by one, without PING, INFO and other operational ones.
func (s *Server) Commands() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.figures.billed
}

// CommandCounts returns how often each command ran, by its upper-case name, the
// operational ones included.
func (s *Server) CommandCounts() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.figures.commands)
}

// syncToken is a new opaque value for each answer.
func (s *Server) syncToken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures.syncs++
	return "emulated=" + strconv.FormatInt(s.figures.syncs, 36)
}

// sections are Upstash's INFO, field for field; a value of "" is counted.
var sections = []struct {
	name, accepts string // the heading, and the argument that asks for it
	fields        []string
}{
	{"Server", "server", []string{"upstash_version:1.13.3", "redis_version:8.2.0", "redis_git_sha1:0000000", "redis_build_id:20260401", "redis_mode:standalone"}},
	{"Clients", "clients", []string{"connected_clients:1", "maxclients:10000"}},
	{"Memory", "memory", []string{"used_memory:1048576", "used_memory_human:1.000MB", "maxmemory:67108864", "maxmemory_human:64.000MB", "maxmemory_policy:noeviction"}},
	{"Persistence", "persistence", []string{"total_keys:", "total_data_size:", "total_data_size_human:", "max_data_size:268435456", "max_data_size_human:256.000MB"}},
	{"Stats", "stats", []string{
		"total_connections_received:1", "total_commands_processed:", "instantaneous_ops_per_sec:0", "max_ops_per_sec:10000", "evicted_clients:0",
		"expired_keys:0", "evicted_keys:0", "keyspace_hits:", "keyspace_misses:", "total_reads_processed:", "total_writes_processed:",
	}},
	{"Keyspace", "keyspace", []string{"db0:"}},
	{"Cluster", "cluster", []string{"cluster_enabled:0", "local_member:10.16.8.4", "primary_member:10.16.8.4"}},
}

// info renders INFO. An unknown section has its heading only, as Upstash documents.
func (s *Server) info(ctx context.Context, wanted []string) (string, error) {
	size, err := s.backend.do(ctx, []string{"DBSIZE"})
	if err != nil {
		return "", err
	}
	keys, _ := size.(int64)
	own, err := s.backend.counters(ctx)
	if err != nil {
		return "", err
	}
	// As set, else as the Redis behind counts it, else as counted here, else its default.
	values := s.counted(keys)
	maps.Copy(values, own)
	s.mu.Lock()
	maps.Copy(values, s.figures.info)
	s.mu.Unlock()
	all := len(wanted) == 0 || slices.ContainsFunc(wanted, func(w string) bool {
		return strings.EqualFold(w, "all") || strings.EqualFold(w, "default") || strings.EqualFold(w, "everything")
	})
	var b strings.Builder
	known := false
	for _, section := range sections {
		if !all && !slices.ContainsFunc(wanted, func(w string) bool { return strings.EqualFold(w, section.accepts) }) {
			continue
		}
		known = true
		fmt.Fprintf(&b, "# %s\r\n", section.name)
		for _, line := range section.fields {
			field, value, _ := strings.Cut(line, ":")
			if v, ok := values[field]; ok {
				value = v
			}
			fmt.Fprintf(&b, "%s:%s\r\n", field, value)
		}
		b.WriteString("\r\n")
	}
	if !known {
		fmt.Fprintf(&b, "# %s\r\n", wanted[0])
	}
	return b.String(), nil
}

// counted returns the fields of INFO that are counted here.
func (s *Server) counted(keys int64) map[string]string {
	// A rough size, since Redis and miniredis measure memory in other ways than Upstash.
	const bytesPerKey = 128
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &s.figures
	return map[string]string{
		"total_keys":               fmt.Sprint(keys),
		"total_data_size":          fmt.Sprint(keys * bytesPerKey),
		"total_data_size_human":    fmt.Sprintf("%.3fKB", float64(keys*bytesPerKey)/1024),
		"total_commands_processed": fmt.Sprint(f.billed),
		"keyspace_hits":            fmt.Sprint(f.hits),
		"keyspace_misses":          fmt.Sprint(f.misses),
		"total_reads_processed":    fmt.Sprint(f.reads),
		"total_writes_processed":   fmt.Sprint(f.writes),
		"db0":                      fmt.Sprintf("keys=%d,expires=0,avg_ttl=0", keys),
	}
}
