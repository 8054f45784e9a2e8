package upstashtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// kind says what a command does to the data, on which tokens, faults and the bill depend.
type kind int

const (
	unknown     kind = iota // not in Upstash's command reference
	operational             // not billed
	read
	write
	remove // frees space: allowed while the database is full
)

// commands are those of Upstash's reference
// (https://upstash.com/docs/redis/overall/rediscompatibility) that Redis has too.
var commands = kinds(map[kind]string{
	operational: "ACL COMMAND CONFIG ECHO INFO PING SCRIPT TIME",
	read: `BITCOUNT BITFIELD_RO BITPOS DBSIZE DUMP EVALSHA_RO EVAL_RO EXISTS EXPIRETIME FCALL_RO GEODIST GEOHASH GEOPOS
		GEORADIUSBYMEMBER_RO GEORADIUS_RO GEOSEARCH GET GETBIT GETRANGE HEXISTS HEXPIRETIME HGET HGETALL HKEYS HLEN HMGET HPEXPIRETIME
		HPTTL HRANDFIELD HSCAN HSTRLEN HTTL HVALS JSON.ARRINDEX JSON.ARRLEN JSON.GET JSON.MGET JSON.OBJKEYS JSON.OBJLEN JSON.RESP
		JSON.STRLEN JSON.TYPE KEYS LCS LINDEX LLEN LPOS LRANGE MEMORY MGET MONITOR OBJECT PEXPIRETIME PFCOUNT PTTL PUBSUB RANDOMKEY SCAN SCARD
		SDIFF SINTER SINTERCARD SISMEMBER SMEMBERS SMISMEMBER SRANDMEMBER SSCAN STRLEN SUBSTR SUNION TOUCH TTL TYPE XINFO XLEN
		XPENDING XRANGE XREAD XREVRANGE ZCARD ZCOUNT ZDIFF ZINTER ZINTERCARD ZLEXCOUNT ZMSCORE ZRANDMEMBER ZRANGE ZRANGEBYLEX
		ZRANGEBYSCORE ZRANK ZREVRANGE ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE ZUNION`,
	write: `APPEND BITFIELD BITOP COPY DECR DECRBY EVAL EVALSHA FCALL FUNCTION GEOADD GEORADIUS GEORADIUSBYMEMBER GEOSEARCHSTORE GETEX GETSET
		HEXPIRE HEXPIREAT HINCRBY HINCRBYFLOAT HMSET HPERSIST HPEXPIRE HPEXPIREAT HSET HSETEX HSETNX INCR INCRBY INCRBYFLOAT
		JSON.ARRAPPEND JSON.ARRINSERT JSON.MERGE JSON.MSET JSON.NUMINCRBY JSON.NUMMULTBY JSON.SET JSON.STRAPPEND JSON.TOGGLE
		LINSERT LMOVE LPUSH LPUSHX LSET MSET MSETNX PERSIST PEXPIRE PEXPIREAT PFADD PFMERGE PSETEX PUBLISH RENAME RENAMENX RESTORE
		RPOPLPUSH RPUSH RPUSHX SADD SDIFFSTORE SET SETBIT SETEX SETNX SETRANGE SINTERSTORE SMOVE SUNIONSTORE EXPIRE EXPIREAT XACK
		XACKDEL XADD XAUTOCLAIM XCLAIM XGROUP XREADGROUP XSETID ZADD ZDIFFSTORE ZINCRBY ZINTERSTORE ZRANGESTORE ZUNIONSTORE`,
	remove: `DEL DELEX FLUSHALL FLUSHDB GETDEL HDEL HGETDEL JSON.ARRPOP JSON.ARRTRIM JSON.CLEAR JSON.DEL JSON.FORGET LMPOP LPOP LREM LTRIM RPOP
		SPOP SREM UNLINK XDEL XDELEX XTRIM ZMPOP ZPOPMAX ZPOPMIN ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE`,
})

// notOverREST are commands that need a connection, or have a path of their own.
var notOverREST = strings.Fields(`AUTH BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN CLIENT DISCARD EXEC HELLO MONITOR MULTI
	PSUBSCRIBE PUNSUBSCRIBE QUIT RESET SELECT SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE UNSUBSCRIBE UNWATCH WATCH`)

// unavailable are subcommands that Upstash lacks of commands that it has.
var unavailable = []string{"MEMORY STATS", "MEMORY DOCTOR", "MEMORY PURGE", "MEMORY MALLOC-STATS"}

func kinds(names map[kind]string) map[string]kind {
	m := map[string]kind{}
	for k, list := range names {
		for name := range strings.FieldsSeq(list) {
			m[name] = k
		}
	}
	return m
}

// refusal returns the text with which a command is refused before it reaches Redis, or "". A
// database behind this server refuses by itself what it does not know.
func (s *Server) refusal(c call, args []string) string {
	name, f := strings.ToUpper(args[0]), s.Fault()
	k := commands[name]
	changes := k == write || k == remove
	switch {
	case s.upstream != nil:
	case slices.Contains(notOverREST, name) || blocks(name, args):
		return fmt.Sprintf(textNotREST, name)
	case k == unknown:
		return fmt.Sprintf(textNotAvailable, name)
	case len(args) > 1 && slices.Contains(unavailable, name+" "+strings.ToUpper(args[1])):
		return fmt.Sprintf(textNotAvailable, name+" "+strings.ToUpper(args[1]))
	}
	// Of the reads that the read-only token may not run, Upstash documents SCAN and KEYS as examples.
	readOnly := (c.readOnly || f.Mode == ReadonlyToken) && (changes || name == "SCAN" || name == "KEYS")
	switch r := refusals[f.Mode]; {
	case readOnly:
		return fmt.Sprintf(textNoPermission, strings.ToLower(name))
	case r.status == http.StatusBadRequest:
		return r.text
	case f.Mode == Full && k == write:
		return textFull
	case f.Mode == WritePaused && changes:
		return textPaused
	}
	return ""
}

// blocks reports whether a stream is to be read with BLOCK, for which REST has no connection.
func blocks(name string, args []string) bool {
	return (name == "XREAD" || name == "XREADGROUP") && slices.ContainsFunc(options(args, "STREAMS"), func(a string) bool { return strings.EqualFold(a, "BLOCK") })
}

// options returns the arguments before the word that ends a command's options.
func options(args []string, end string) []string {
	if i := slices.IndexFunc(args, func(a string) bool { return strings.EqualFold(a, end) }); i >= 0 {
		return args[:i]
	}
	return args
}
