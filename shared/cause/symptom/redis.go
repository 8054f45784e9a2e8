package symptom

import "github.com/pongwatch/pongwatch/shared/cause"

// redis are the texts of Upstash and of Redis itself. Those in which cmd/pongwatch's test
// finds a single cause agree with shared/upstash.
var redis = []Row{
	{
		Pattern: `(?:(?:this|your) database|(?-i:ERR) (?:(?:this|your|the) )?(?:\w+ )?(?:database|account))\b.{0,60}\b(?:suspended|budget|unpaid)`, Starts: true,
		Causes: one(cause.QuotaSuspended), Source: "Upstash in production; no documentation has it",
		Example: "UpstashError: ERR This database has been suspended for exceeding the defined budget limit. Please increase budget or switch to a Fixed plan on Upstash Console",
		Not:     "ERR unknown argument 'this database has been suspended'",
	},
	{
		Pattern: `(?:(?:this|your) database|(?-i:ERR) (?:(?:this|your|the) )?(?:\w+ )?(?:database|account))\b.{0,60}\b(?:rate.?limited|throttled)`, Starts: true,
		Causes: one(cause.QuotaRateLimited), Source: "Upstash in production; no documentation has it",
		Example: "[worker] error: ERR Your database has been temporarily rate-limited, please contact support@upstash.com for further details.",
		Not:     "the client is rate-limited",
	},
	{
		Pattern: `(?:this|your) database has (?:reached|exceeded)\b|(?-i:ERR) (?:(?:this|your|the) )?(?:\w+ )?(?:database|account|plan)\b.{0,60}\b(?:limits?|quota|bandwidth|exceeded)\b|max (?:\w+ )?bandwidth\b`, Starts: true,
		Causes: one(cause.QuotaPlan), Source: "Upstash in production; no documentation has it",
		Example: `[kv] get failed spot:overrides ERR This database has reached current Fixed plan limits. Please upgrade manually or enable auto upgrade on Upstash Console, command was: [["get","spot:overrides"]]`,
		Not:     "ERR invalid database index",
	},
	{
		Pattern: `max (?:monthly )?requests? limit exceeded`, Starts: true,
		Causes: one(cause.QuotaMonthly), Source: "Upstash",
		Example: `{"error":"ERR max requests limit exceeded. Limit: 500000, Usage: 500002."}`, Not: "ERR max daily request limit exceeded. Limit: 10000, Usage: 10001.",
	},
	{
		Pattern: `max daily request limit exceeded`, Starts: true,
		Causes: one(cause.QuotaDaily), Source: "Upstash, old plans; Vercel KV",
		Example: "ReplyError: ERR max daily request limit exceeded. Limit: 10000, Usage: 10000.", Not: "ERR max requests limit exceeded.",
	},
	{
		Pattern: `DB capacity quota exceeded|(?-i:OOM) command not allowed`, Starts: true,
		Causes: one(cause.StorageFull), Source: "Upstash, Redis",
		Example: "ERR DB capacity quota exceeded. Threshold: 268435456 bytes, Usage: 274604636 bytes.", Not: "the text 'OOM command not allowed' is known",
	},
	{
		Pattern: `max (?:request size|single record size|key size) exceeded`, Starts: true,
		Causes: one(cause.RequestTooBig), Source: "Upstash",
		Example: "UpstashError: ERR max request size exceeded. Limit: 10485760 bytes, Actual: 11245919 bytes.", Not: "ERR max requests limit exceeded",
	},
	{
		Pattern: `max concurrent connections exceeded|max number of clients reached`, Starts: true,
		Causes: one(cause.ConnectionsFull), Source: "Upstash, Redis; TCP clients",
		Example: "ReplyError: ERR max number of clients reached", Not: "ERR max commands per second exceeded",
	},
	{
		Pattern: `max commands per second exceeded`, Starts: true,
		Causes: one(cause.Throttled), Source: "Upstash",
		Example: "ERR max commands per second exceeded", Not: "ERR max concurrent connections exceeded",
	},
	{
		Pattern: `Command is not available|Command "?\w+"? is not allowed in REST`, Starts: true,
		Causes: one(cause.CommandBlocked), Source: "Upstash",
		Example: "ReplyError: ERR Command is not available: 'SLOWLOG'. See https://upstash.com/docs/redis/overall/rediscompatibility for details", Not: "ERR unknown subcommand 'Command is not available'",
	},
	{
		Pattern: `(?-i:WRONGPASS) .*user is disabled|wrong password or user`, Starts: true,
		Causes: one(cause.AuthUserDisabled), Source: "Upstash, Redis",
		Example: "AuthenticationError: WRONGPASS invalid username-password pair or user is disabled", Not: "WRONGPASS invalid or missing auth token",
	},
	{
		Pattern: `(?-i:WRONGPASS|NOAUTH)[ :]|Password authentication failed ?- ?AuthenticationFailed|Client sent AUTH, but no password is set|invalid password\b`, Starts: true,
		Causes: one(cause.AuthInvalid), Source: "Upstash, Redis",
		Example: "[redis] ping failed: WRONGPASS invalid or missing auth token.", Not: "cannot render: 'WRONGPASS invalid' is not a colour",
	},
	{
		Pattern: `(?-i:NOPERM) |(?:have|has) no permissions to (?:run|access)`, Starts: true,
		Causes: one(cause.ReadonlyToken), Source: "Upstash, Redis",
		Example: "UpstashError: NOPERM this user has no permissions to run the 'set' command or its subcommand", Not: "mkdir: permission denied",
	},
	{
		Pattern: `(?-i:READONLY|NOREPLICAS) |Writes are temporarily rejected`, Starts: true,
		Causes: one(cause.WritePaused), Source: "Upstash, Redis",
		Example: "ReplyError: READONLY You can't write against a read only replica.", Not: "mounted readonly filesystem",
	},
	{
		Pattern: `(?-i:LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MISCONF) `, Starts: true,
		Causes: one(cause.ProviderUnready), Source: "Redis",
		Example: "ReplyError: LOADING Redis is loading the dataset in memory", Not: "page is loading the dataset",
	},
	{
		Pattern: `\bMaxConnectionsError\b|\bredis\S*ConnectionError: Too many connections`,
		Causes:  one(cause.ConnectionsFull), Source: "redis-py: the limit of its own pool",
		Example: "redis.exceptions.MaxConnectionsError: Too many connections", Not: "MySQL: Too many connections",
	},
	{
		Pattern: `\bOutOfMemoryError: command not allowed`,
		Causes:  one(cause.StorageFull), Source: "redis-py",
		Example: "redis.exceptions.OutOfMemoryError: command not allowed when used memory > 'maxmemory'.", Not: "java.lang.OutOfMemoryError: Java heap space",
	},
	{
		Pattern: `\bReadOnlyError: You can't write`,
		Causes:  one(cause.WritePaused), Source: "redis-py",
		Example: "redis.exceptions.ReadOnlyError: You can't write against a read only replica.", Not: "ReadOnlyError: the file is read-only",
	},
	{
		Pattern: `\b(?:BusyLoading|ClusterDown|MasterDown|TryAgain)Error\b`,
		Causes:  one(cause.ProviderUnready), Source: "redis-py",
		Example: "redis.exceptions.BusyLoadingError: Redis is loading the dataset in memory", Not: "redis.exceptions.BusyError",
	},
	{
		Pattern: `null args are not supported|unsupported arg type: |expected JSON array$|empty command$`, Starts: true,
		Causes: one(cause.RedisError), Source: "Upstash: the app sends null, an object, or a pipeline to the wrong path",
		Example: "UpstashError: Command failed: ERR null args are not supported", Not: "expected JSON array, got object",
	},
	{
		Pattern: `Eviction policy is \S+\. It should be "?noeviction`,
		Causes:  one(cause.EvictionRisk), Source: "BullMQ",
		Example: `IMPORTANT! Eviction policy is optimistic-volatile. It should be "noeviction"`, Not: "Eviction policy is noeviction",
	},
	{
		Pattern: `(?:\bco?redis\S*|RedisClient::)AuthenticationError|invalid username-password pair`,
		Causes: []Candidate{
			{cause.AuthInvalid, "the password or token is wrong: the console shows another one"},
			{cause.AuthUserDisabled, "the token is right, and its user was switched off or removed"},
		}, Source: "redis-py, ioredis, go-redis",
		Example: "redis.exceptions.AuthenticationError: invalid username-password pair", Not: "AuthorizationError: you may not see this page",
	},
	{
		Pattern: `(?-i:ERR|WRONGTYPE|NOSCRIPT|BUSY|BUSYKEY|BUSYGROUP|UNKILLABLE|EXECABORT|CROSSSLOT|NOGROUP|NOTBUSY) \w`, Starts: true,
		Causes: one(cause.RedisError), Source: "Upstash, Redis: any other text",
		Example: "ERR wrong number of arguments for 'get' command", Not: "npm ERR! code ELIFECYCLE",
	},
}

// settings are the mistakes with URL and token that clients name themselves.
var settings = []Row{
	{
		Pattern: `(?:fall(?:ing|s)?|fell)[ -]?back to (?:an? )?(?:in-?memory|mock|fake|local)|\bus(?:e|es|ing) (?:an? |the )?(?:in-?memory|memory|mock|fake) (?:redis|cache|store|storage|client|fallback|rate|map\b|limiter)|MOCK_REDIS\s*[=:]\s*["']?(?:true|1)`,
		Causes:  one(cause.Mock), Source: "apps' own words",
		Example: "[cache] Redis not configured, falling back to in-memory store", Not: "falling back to the previous page",
	},
	{
		Pattern: `(?:rate.?limit\w*|limiter|redis|upstash)\b.{0,60}\bfail(?:ing|s|ed)?[ -]open\b`,
		Causes:  one(cause.LimiterOpen), Source: "apps' own words",
		Example: "[rate-limit] Redis unavailable, failing open", Not: "the door failed to open",
	},
	{
		Pattern: `(?:ENOTFOUND|EAI_AGAIN|lookup|connecting to|resolve host:?) (?:undefined|null|None|nil)(?:[:\s]|$)`,
		Causes:  one(cause.ConfigMissing), Source: "Node.js, Go, redis-py, curl: a script's word for nothing as the host",
		Example: "Error: getaddrinfo ENOTFOUND undefined", Not: "Error: getaddrinfo ENOTFOUND undefined-cat.upstash.io",
	},
	{
		Pattern: `(?:ENOTFOUND|EAI_AGAIN|lookup|connecting to|resolve host:?) (?:(?:https?|rediss?)://|(?:https?|rediss)(?:[:\s]|$))`,
		Causes:  one(cause.ConfigScheme), Source: "ioredis, redis-py: a URL where the host belongs",
		Example: "Error: getaddrinfo ENOTFOUND https://us1-merry-cat-32748.upstash.io", Not: "Error: getaddrinfo ENOTFOUND us1-merry-cat-32748.upstash.io",
	},
	{
		Pattern: `\byour-[a-z-]+\.upstash\.io\b`,
		Causes:  one(cause.ConfigInvalid), Source: "the host of an example",
		Example: "Error: getaddrinfo ENOTFOUND your-instance.upstash.io", Not: "Error: getaddrinfo ENOTFOUND yours-cat-1.upstash.io",
	},
	{
		Pattern: `Unable to find environment variable|'(?:url|token)' property is missing|initialized without url or token|Missing required environment variables? \S*(?:KV|REDIS)|KeyError: '\w*(?:UPSTASH|REDIS|KV_REST)`,
		Causes:  one(cause.ConfigMissing), Source: "@upstash/redis, @vercel/kv, upstash-redis (Python)",
		Example: "[Upstash Redis] Unable to find environment variable: `UPSTASH_REDIS_REST_URL`", Not: "Unable to find module: `redis`",
	},
	{
		Pattern: `(?:UPSTASH|REDIS|KV)\w*(?:URL|TOKEN)\w*["'\x60]? (?:(?:and|or) \S+ )?(?:environment variables? )?(?:(?:is|are|was|were|must be|has) )?(?:not (?:set|defined|configured|found)|missing|undefined|unset|empty|required)|(?:UPSTASH|REDIS|KV)_\w*(?:URL|TOKEN)\b.{0,30} must be (?:set|defined|provided)|Set the \w*(?:UPSTASH|REDIS|KV)\w* environment variable|(?:Upstash|Redis) (?:environment variables|credentials) (?:are |is )?(?:missing|not set)|Missing (?:Upstash |Redis )+(?:credentials|config\w*|env\w*|url|token)|Missing\b.{0,40}\b(?:UPSTASH|REDIS|KV)_\w*(?:URL|TOKEN)|(?:Upstash|Redis)(?: \w+)? (?:is |are )?not configured`,
		Causes:  one(cause.ConfigMissing), Source: "apps' own checks of their variables",
		Example: "Error: UPSTASH_REDIS_REST_URL is not set", Not: "UPSTASH_REDIS_REST_URL is https://x.upstash.io",
	},
	{
		Pattern: `(?:UPSTASH|REDIS|KV)_\w*(?:URL|TOKEN)\b["'\x60]?\W{1,8}(?:message\W{1,4})?(?:Field )?Required\b|reading '(?:UPSTASH|REDIS|KV)_\w*(?:URL|TOKEN)'|Failed to parse URL from (?:undefined|null)\b|Invalid URL '(?:undefined|null|None)?': No sche`,
		Causes:  one(cause.ConfigMissing), Source: "Zod, t3-env, pydantic, Workers; @upstash/redis and requests without a value",
		Example: "❌ Invalid environment variables: { UPSTASH_REDIS_REST_TOKEN: [ 'Required' ] }", Not: "set REDIS_URL before you start",
	},
	{
		Pattern: `(?:ECONNREFUSED|connection refused|Error (?:111|99|61|10061) connecting to|Failed to connect to|Connect call failed).{0,30}(?:127\.0\.0\.1|localhost|::1)\]?(?::6379\b|[^:.\w]|$)|(?:127\.0\.0\.1|localhost|::1\]?):6379.{0,40}(?:ECONNREFUSED|connection refused)|Cannot connect to amqp://guest`,
		Causes:  one(cause.ConfigMissing), Source: "ioredis, redis-py, go-redis: without a URL they try this machine; Celery RabbitMQ on it",
		Example: "Error: connect ECONNREFUSED 127.0.0.1:6379", Not: "Error: connect ECONNREFUSED 34.1.2.3:443",
	},
	{
		Pattern: `passed an invalid URL|unsupported protocol scheme "rediss?"|unsupported protocol '?rediss?|No connection adapters were found for '?rediss?|Protocol "?rediss?"? (?:is )?not supported|Redis URL must specify one of the following schemes|invalid URL scheme: https?|TypeError: Invalid protocol|begins with rediss?://|Invalid URL '[^']+': No sche`,
		Causes:  one(cause.ConfigScheme), Source: "@upstash/redis, Go, httpx, requests, curl (1); redis-py, go-redis and node-redis with a REST URL",
		Example: "UrlError: Upstash Redis client was passed an invalid URL. You should pass a URL starting with https. Received: \"rediss://…\"", Not: "unsupported protocol scheme \"ftp\"",
	},
	{
		Pattern: `contains whitespace or newline|Invalid character in header content|invalid header (?:field )?value|is an invalid header value|Illegal header value|Invalid non-printable ASCII|URL can't contain control characters|invalid control character in URL|Malformed input to a URL function`,
		Causes:  one(cause.ConfigWhitespace), Source: "@upstash/redis, Node.js, Go, httpx, Python, curl (3)",
		Example: `TypeError [ERR_INVALID_CHAR]: Invalid character in header content ["authorization"]`, Not: "invalid header field name",
	},
	{
		Pattern: `rediss?:// URL must have parameter`,
		Causes:  one(cause.ConfigInvalid), Source: "Celery: add ?ssl_cert_reqs=CERT_REQUIRED to the URL",
		Example: "ValueError: A rediss:// URL must have parameter ssl_cert_reqs and this must be set to CERT_REQUIRED, CERT_OPTIONAL, or CERT_NONE", Not: "the rediss:// URL has parameters",
	},
	{
		Pattern: `secretmanager\.versions\.access|Secret Manager.{0,60}PERMISSION_DENIED|PERMISSION_DENIED.{0,60}secret`,
		Causes:  one(cause.MonitorSecretDenied), Source: "Google Secret Manager",
		Example: "PERMISSION_DENIED: Permission 'secretmanager.versions.access' denied for resource", Not: "PERMISSION_DENIED: Cloud Run",
	},
}

// urls are the mistakes with a URL that no text calls Redis', because any client prints them.
var urls = []Row{
	{
		Pattern: `Failed to parse URL from (?:/|$)|unsupported protocol scheme ""|missing an 'http://' or 'https://' protocol`,
		Causes: []Candidate{
			{cause.ConfigMissing, "the variable is empty or has another name than the client reads"},
			{cause.ConfigScheme, "the variable is set and begins with the host name"},
		}, Source: "@upstash/redis 1.39, Go, httpx",
		Example: "TypeError: Failed to parse URL from /pipeline", Not: "TypeError: Failed to parse URL from ws:1",
	},
	{
		Pattern: `ERR_INVALID_URL|Invalid URL|Failed to parse URL from|invalid port|Port could not be cast|Port out of range|ERR_SOCKET_BAD_PORT|Only absolute URLs are supported|missing protocol scheme|URL using bad/illegal format|curl: \(3\)`,
		Causes: []Candidate{
			{cause.ConfigMissing, "the variable is empty, or holds \"undefined\""},
			{cause.ConfigWhitespace, "it holds quotes, spaces, a line break or NAME="},
			{cause.ConfigScheme, "it does not begin with https://"},
			{cause.ConfigInvalid, "it begins with https:// and is still not a URL"},
		}, Source: "Node.js, Python, Go, curl (3)",
		Example: "TypeError [ERR_INVALID_URL]: Invalid URL", Not: "Valid URL",
	},
}

// others is the last resort: an error that the client calls Redis' own, without a known text.
var others = []Row{
	{
		Pattern: `(?:\bUpstashError|\bReplyError|exceptions\.(?:Response|Data)Error): \w`,
		Causes:  one(cause.RedisError), Source: "@upstash/redis, ioredis, redis-py: any other text",
		Example: "UpstashError: something that is new", Not: "ParseError: something",
	},
}
