package upstash

import (
	"strconv"
	"strings"
)

// Info is what pongwatch reads of Upstash's INFO. Upstash leaves out much of Redis'
// and adds fields of its own, and documents that it may change: so every field may be
// absent, unknown ones are ignored, and sections do not matter.
type Info struct {
	// MaxmemoryPolicy is "noeviction", or "optimistic-volatile" where eviction is on.
	MaxmemoryPolicy string
	// LocalMember names the replica that answered, to which the counters belong.
	LocalMember string

	// DataSize and MaxDataSize are what the plan's quota is about, in bytes.
	DataSize, MaxDataSize Count
	// UsedMemory and Maxmemory describe the in-memory tier only, in bytes: no quota.
	UsedMemory, Maxmemory           Count
	Keys, Connections, OpsPerSecond Count
	// MaxConnections is how many TCP clients the plan lets in.
	MaxConnections Count

	// Counters since the replica's start.
	Commands, Reads, Writes  Count
	Hits, Misses             Count
	ExpiredKeys, EvictedKeys Count
}

// maxName bounds, in bytes, a name that INFO or the management API gives.
const maxName = 100

// Count is a number that INFO may leave out.
type Count struct {
	N     int64
	Known bool
}

// parseInfo reads INFO's text. It accepts anything; what it does not understand it
// leaves unknown. A field that comes twice has its last valid value.
func parseInfo(text string) Info {
	texts, counts := map[string]string{}, map[string]Count{}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		texts[key] = value
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 0 {
			counts[key] = Count{N: n, Known: true}
		}
	}
	return Info{
		MaxmemoryPolicy: printable(texts["maxmemory_policy"], maxName),
		LocalMember:     printable(texts["local_member"], maxName),

		DataSize: counts["total_data_size"], MaxDataSize: counts["max_data_size"],
		UsedMemory: counts["used_memory"], Maxmemory: counts["maxmemory"],
		Keys: counts["total_keys"], Connections: counts["connected_clients"], OpsPerSecond: counts["instantaneous_ops_per_sec"],
		MaxConnections: counts["maxclients"],

		Commands: counts["total_commands_processed"], Reads: counts["total_reads_processed"], Writes: counts["total_writes_processed"],
		Hits: counts["keyspace_hits"], Misses: counts["keyspace_misses"],
		ExpiredKeys: counts["expired_keys"], EvictedKeys: counts["evicted_keys"],
	}
}
