package upstash

import (
	"strconv"
	"strings"
)

// Info is what pongwatch reads of Upstash's INFO. Upstash leaves out much of Redis'
// and adds fields of its own, and documents that it may change: so every field may be
// absent, unknown ones are ignored, and sections do not matter.
type Info struct {
	UpstashVersion string // the provider's fingerprint
	RedisVersion   string
	// MaxmemoryPolicy is "noeviction", or "optimistic-volatile" where eviction is on.
	MaxmemoryPolicy string
	// LocalMember names the replica that answered, to which the counters belong.
	LocalMember   string
	PrimaryMember string

	// DataSize and MaxDataSize are what the plan's quota is about, in bytes.
	DataSize, MaxDataSize Count
	// UsedMemory and Maxmemory describe the in-memory tier only, in bytes: no quota.
	UsedMemory, Maxmemory   Count
	Keys                    Count
	Connections, MaxClients Count
	OpsPerSecond, MaxOps    Count

	// Counters since the replica's start.
	Commands, Reads, Writes             Count
	Hits, Misses                        Count
	ExpiredKeys, EvictedKeys            Count
	EvictedClients, ConnectionsReceived Count
}

// Count is a number that INFO may leave out.
type Count struct {
	N     int64
	Known bool
}

// ParseInfo reads INFO's text. It accepts anything; what it does not understand it
// leaves unknown. A field that comes twice has its last valid value.
func ParseInfo(text string) Info {
	var info Info
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		value = strings.TrimSpace(value)
		if field := info.text(key); field != nil {
			*field = value
		} else if field := info.count(key); field != nil {
			if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 0 {
				*field = Count{N: n, Known: true}
			}
		}
	}
	return info
}

func (i *Info) text(key string) *string {
	switch key {
	case "upstash_version":
		return &i.UpstashVersion
	case "redis_version":
		return &i.RedisVersion
	case "maxmemory_policy":
		return &i.MaxmemoryPolicy
	case "local_member":
		return &i.LocalMember
	case "primary_member":
		return &i.PrimaryMember
	default:
		return nil
	}
}

func (i *Info) count(key string) *Count {
	switch key {
	case "total_data_size":
		return &i.DataSize
	case "max_data_size":
		return &i.MaxDataSize
	case "used_memory":
		return &i.UsedMemory
	case "maxmemory":
		return &i.Maxmemory
	case "total_keys":
		return &i.Keys
	case "connected_clients":
		return &i.Connections
	case "maxclients":
		return &i.MaxClients
	case "instantaneous_ops_per_sec":
		return &i.OpsPerSecond
	case "max_ops_per_sec":
		return &i.MaxOps
	case "total_commands_processed":
		return &i.Commands
	case "total_reads_processed":
		return &i.Reads
	case "total_writes_processed":
		return &i.Writes
	case "keyspace_hits":
		return &i.Hits
	case "keyspace_misses":
		return &i.Misses
	case "expired_keys":
		return &i.ExpiredKeys
	case "evicted_keys":
		return &i.EvictedKeys
	case "evicted_clients":
		return &i.EvictedClients
	case "total_connections_received":
		return &i.ConnectionsReceived
	default:
		return nil
	}
}
