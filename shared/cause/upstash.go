package cause

var network = []Info{
	{
		Cause: DNSNXDomain,
		Title: "The Redis host name does not exist",
		Explanation: "DNS says that the host in the URL does not exist, so the app cannot reach Redis at all. " +
			"The database was deleted, was archived (Upstash archives free databases after 30 days without traffic), or the URL has a typo.",
		Signature: "DNS answers NXDOMAIN for the URL's host",
		Fix: []string{
			"Open the Upstash console and check whether the database is still listed with this host name.",
			"If it was archived or deleted, restore the backup into a new database; one made without an account ends after 72 hours.",
			"Store the database's current URL and token in the secret and redeploy the app and pongwatch.",
		},
		Setup:    []string{"Compare the host of the URL with the REST URL in the Upstash console."},
		Severity: SeverityCritical, Class: ClassNetwork, Retry: RetryYes,
	},
	{
		Cause: DNSTemporary,
		Title: "The Redis host name cannot be looked up",
		Explanation: "The DNS resolver failed or did not answer, so the state of the database is unknown. " +
			"The trouble is usually between the caller and its resolver, not at Upstash.",
		Signature: "DNS answers SERVFAIL, or does not answer in time",
		Fix: []string{
			"Look up the host from another network; if that works, the trouble is on this side.",
			"Check the VPC connector, the Cloud DNS policies and the firewall for port 53.",
			"Check the Google Cloud status page for Cloud DNS.",
		},
		Severity: SeverityCritical, Class: ClassNetwork, Retry: RetryYes,
	},
	{
		Cause: TCPRefused,
		Title: "The Redis host refuses connections",
		Explanation: "The host name resolves, but nothing accepts connections on the port. " +
			"Either the URL points at the wrong host or port, or the provider's edge is down.",
		Signature: "connect answers \"connection refused\"",
		Fix: []string{
			"Check https://status.upstash.com for an incident in the database's region.",
			"Check whether a proxy or firewall on the way answers in Upstash's place.",
		},
		Setup:    []string{"Compare host and port of the URL with the REST URL in the Upstash console; it has no port."},
		Severity: SeverityCritical, Class: ClassNetwork, Retry: RetryYes,
	},
	{
		Cause: ConnReset,
		Title: "The connection to Redis breaks off",
		Explanation: "A connection was made, then closed before the answer was complete. " +
			"Upstash does this for a second or two during restarts and plan changes; if it lasts, something on the way cuts the connection.",
		Signature: "connection reset, or closed before the end of the answer",
		Fix: []string{
			"Wait two minutes; a restart or a plan change ends by itself.",
			"Check https://status.upstash.com for an incident in the database's region.",
			"Check egress proxies and Cloud NAT for cut connections.",
		},
		Setup:    []string{"Check that the database's IP allowlist contains this caller's address."},
		Severity: SeverityCritical, Class: ClassNetwork, Retry: RetryYes,
	},
	{
		Cause: TLS,
		Title: "No secure connection to Redis",
		Explanation: "The TLS handshake failed or the certificate is not Upstash's. " +
			"Either a proxy opens the traffic, or the URL points at a host that is not Upstash. A server that is not trusted never gets the token.",
		Signature: "the TLS handshake fails, the certificate is not trusted for the host, or the server demands a client certificate",
		Fix: []string{
			"Read the evidence; a company as the issuer, or a demand for a client certificate, means that a proxy opens the traffic.",
			"Exempt *.upstash.io from TLS inspection in the egress proxy.",
		},
		Setup:    []string{"Check that the URL is the https:// REST URL from the Upstash console."},
		Severity: SeverityCritical, Class: ClassNetwork, Retry: RetryYes,
	},
	{
		Cause: TimeoutConnect,
		Title: "Redis cannot be reached in time",
		Explanation: "No connection could be made before the time limit. Packets are lost on the way: " +
			"blocked egress, a broken route, or a host that is gone.",
		Signature: "the time limit passes before a connection (or its TLS handshake) is made, or no route leads to the host",
		Fix: []string{
			"Check that the firewall and Cloud NAT allow outbound HTTPS to upstash.io.",
			"Check the VPC connector's health if the function uses one.",
			"If the evidence says that the host has only IPv6 addresses, give the caller IPv6 or use a host name that has IPv4.",
			"Check https://status.upstash.com for an incident in the database's region.",
		},
		Severity: SeverityCritical, Class: ClassNetwork, Retry: RetryYes,
	},
	{
		Cause: TimeoutResponse,
		Title: "Redis accepts connections but does not answer",
		Explanation: "The connection was made and the request was sent, but no complete answer came in time. " +
			"The app's requests hang in the same way; the Upstash SDKs set no time limit of their own.",
		Signature: "the time limit passes after the connection, before the answer is complete",
		Fix: []string{
			"Check https://status.upstash.com for an incident in the database's region.",
			"Look at the commands a second in the Upstash console; above the plan's limit Upstash slows answers down.",
			"Look for a long-running script or a very large key in the app's last deployment.",
		},
		Severity: SeverityCritical, Class: ClassNetwork, Retry: RetryYes,
	},
	{
		Cause: Proxy,
		Title: "The egress proxy does not let Redis traffic through",
		Explanation: "The proxy that HTTPS_PROXY names cannot be reached, does not answer or refuses the connection. " +
			"Nothing is known about the database itself. An app that uses the same proxy fails in the same way.",
		Signature: "connecting to the proxy fails, the proxy refuses CONNECT or does not answer it, or HTTP 407",
		Fix: []string{
			"Check that the proxy in the evidence runs, and that HTTPS_PROXY names the right host and port.",
			"If it refuses (403, 407 or 502), allow CONNECT to *.upstash.io:443 there, or correct its user and password in HTTPS_PROXY.",
			"If this traffic needs no proxy, add .upstash.io to NO_PROXY and redeploy.",
		},
		Severity: SeverityCritical, Class: ClassNetwork, Retry: RetryYes,
	},
}

var auth = []Info{
	{
		Cause: AuthInvalid,
		Title: "Redis refuses the token",
		Explanation: "Upstash answers that the token is wrong, so every command of a client with this token fails. " +
			"The token was rotated (resetting the password revokes both REST tokens), belongs to another database, or was copied incompletely.",
		Signature: "HTTP 401, or WRONGPASS, NOAUTH or Unauthorized in the answer",
		Fix: []string{
			"Copy the REST token (not the TCP password) of this database from the Upstash console, including a trailing \"=\".",
			"Add it as a new version of the secret.",
			"Restart or redeploy the app's services, which read the token at start; pongwatch reads it again by itself.",
		},
		Severity: SeverityCritical, Class: ClassAuth, Retry: RetryOnce,
	},
	{
		Cause: AuthUserDisabled,
		Title: "The Redis user of the token is disabled",
		Explanation: "Upstash knows the user behind the token but does not let it in: " +
			"the ACL user was switched off or removed, or the credentials were reset. Every command with this token fails.",
		Signature: "\"user is disabled\" or \"user … does not exist\" in the answer",
		Fix: []string{
			"Check the ACL user's state in the Upstash console, or with ACL LIST.",
			"Switch the user on again, or make a new token with ACL RESTTOKEN.",
			"Add the working token as a new version of the secret and restart the app's services.",
			"If nothing was changed, open a ticket with Upstash support.",
		},
		Severity: SeverityCritical, Class: ClassAuth, Retry: RetryOnce,
	},
	{
		Cause: ReadonlyToken,
		Title: "The token may read but not write",
		Explanation: "PING works, but writing is refused: the read-only token is configured, or an ACL rule forbids the command. " +
			"Sessions, caches and queues cannot be saved.",
		Signature: "NOPERM in the answer to a write",
		Fix: []string{
			"Copy the standard REST token (not the read-only one) from the Upstash console.",
			"Add it as a new version of the secret and restart the app's services.",
			"If an ACL user is used on purpose, allow it SET, GET, DEL and the commands that the app needs.",
		},
		Severity: SeverityCritical, Class: ClassAuth, Retry: RetryOnce,
	},
}

var provider = []Info{
	{
		Cause: WritePaused,
		Title: "Upstash rejects writes for the moment",
		Explanation: "Upstash answers that writes are paused, as during a server upgrade or the election of a new leader. " +
			"Reading works. It normally ends within a minute.",
		Signature: "READONLY in the answer to a write",
		Fix: []string{
			"Wait three minutes; the pause normally ends by itself.",
			"Check https://status.upstash.com for an upgrade or an incident.",
			"If it lasts longer, open a ticket with Upstash support and name the database's host.",
		},
		Severity: SeverityWarning, Class: ClassProvider, Retry: RetryYes,
	},
	{
		Cause: Provider5xx,
		Title: "Upstash answers with a server error",
		Explanation: "Upstash, or an edge in front of it, answers HTTP 5xx. " +
			"The database is unavailable to every client whose requests take the same way.",
		Signature: "HTTP status 500 to 599",
		Fix: []string{
			"Check https://status.upstash.com for an incident in the database's region.",
			"If the evidence shows a page that is not Upstash's, check the egress proxy.",
			"If it lasts longer than five minutes, open a ticket with Upstash support with the evidence.",
		},
		Severity: SeverityCritical, Class: ClassProvider, Retry: RetryYes,
	},
	{
		Cause: ProviderUnready,
		Title: "Upstash's server is not ready",
		Explanation: "The server behind the database answers that it is starting, has lost its leader or cannot save. " +
			"Commands fail until Upstash has recovered it, which normally takes less than a minute.",
		Signature: "LOADING, MASTERDOWN, CLUSTERDOWN, TRYAGAIN or MISCONF at the beginning of the answer",
		Fix: []string{
			"Wait three minutes; a restart or a failover normally ends by itself.",
			"Check https://status.upstash.com for an incident in the database's region.",
			"If it lasts longer, open a ticket with Upstash support and name the database's host and the error.",
		},
		Severity: SeverityCritical, Class: ClassProvider, Retry: RetryYes,
	},
	{
		Cause: StatsState,
		Title: "Upstash does not list the database as active",
		Explanation: "Upstash's management API says that the database is suspended or passive, or does not know it. " +
			"An unpaid bill, an archived database or a wrong database id look like this.",
		Signature: "the management API's state is not \"active\", or it answers 404 for the database id",
		Fix: []string{
			"Open the database in the Upstash console and read its notices.",
			"Check the account's billing page for a failed payment.",
			"Compare the configured database id with the one in the console's address bar.",
		},
		Severity: SeverityWarning, Class: ClassProvider, Retry: RetryNever,
	},
}

var performance = []Info{
	{
		Cause: Slow,
		Title: "Redis answers slowly",
		Explanation: "Redis answers PING, but later than the threshold. Every request of the app that waits for Redis is as slow. " +
			"The phases in the evidence say where the time went.",
		Signature: "first byte minus request written is above the threshold",
		Fix: []string{
			"Look at the latency and throughput charts in the Upstash console for a busy time.",
			"Check https://status.upstash.com and https://latency.upstash.com.",
		},
		Setup:    []string{"Compare the region of the app with the database's primary region; put them together."},
		Severity: SeverityWarning, Class: ClassPerformance, Retry: RetryNever,
	},
	{
		Cause: Throttled,
		Title: "Upstash slows down or rejects requests",
		Explanation: "Upstash, or a gateway in front of it, answers that there are too many requests in a short time. " +
			"The plan's commands a second are exceeded.",
		Signature: "HTTP 429 without a text that names another cause, or \"max commands per second exceeded\"",
		Fix: []string{
			"Compare the throughput in the Upstash console with the plan's commands a second.",
			"Let clients wait before they retry.",
			"Send fewer, larger requests: pipelines and MGET.",
		},
		Severity: SeverityCritical, Class: ClassPerformance, Retry: RetryNever,
	},
	{
		Cause: HitRateLow,
		Title: "The cache seldom has what is asked for",
		Explanation: "The share of look-ups that found a key is below the threshold, so the app computes or fetches most things anew. " +
			"A flush, a changed key prefix or too short an expiry look like this.",
		Signature: "keyspace_hits / (hits + misses) since the last look is below the threshold, over at least 100 look-ups",
		Fix: []string{
			"Check whether a deployment changed key names or flushed the cache; then it recovers by itself.",
			"Compare the expiry of cache keys with how often they are asked for.",
			"Check whether eviction drops keys because the database is full.",
		},
		Severity: SeverityWarning, Class: ClassPerformance, Retry: RetryNever,
	},
}

var protocol = []Info{
	{
		Cause: NotUpstash,
		Title: "Something other than Upstash answers",
		Explanation: "The URL answers, but not as Upstash does: a web page, a captive portal, a proxy or another service. " +
			"An app that looks only at the HTTP status believes that Redis works.",
		Signature: "the answer is not JSON with \"result\" or \"error\", or PING's result is not PONG",
		Fix: []string{
			"Read the answer in the evidence; it usually names the product that answered.",
			"Check the egress proxy and custom gateways between the app and Upstash.",
		},
		Setup:    []string{"Compare the URL with the REST URL in the Upstash console."},
		Severity: SeverityCritical, Class: ClassProtocol, Retry: RetryYes,
	},
	{
		Cause: CommandBlocked,
		Title: "Upstash does not offer a command that was used",
		Explanation: "Upstash refused one command as not available, or not available over REST. " +
			"The database itself is well; what depends on that command does not work.",
		Signature: "\"Command is not available\" or \"is not allowed in REST\" in the answer",
		Fix: []string{
			"Look the command up in Upstash's compatibility list (https://upstash.com/docs/redis/overall/rediscompatibility).",
			"Replace the command in the app, or use the TCP endpoint for it.",
			"If the command came from pongwatch, switch that check off and report it to the project.",
		},
		Severity: SeverityWarning, Class: ClassProtocol, Retry: RetryNever,
	},
	{
		Cause: RequestTooBig,
		Title: "A request or its reply is too big for the plan",
		Explanation: "Upstash refused a request because it, its reply or one record is larger than the plan allows. " +
			"Other requests work.",
		Signature: "\"max request size exceeded\", \"max single record size\" or \"max key size\" in the answer",
		Fix: []string{
			"Split large MGETs, pipelines and values into smaller ones; the reply's size counts too.",
			"Store large objects in object storage and keep only their address in Redis.",
			"Upgrade to a plan with a larger request size if neither is possible.",
		},
		Severity: SeverityWarning, Class: ClassProtocol, Retry: RetryNever,
	},
	{
		Cause:       RedisError,
		Title:       "Redis answers with an error",
		Explanation: "Upstash answered with an error text that pongwatch does not know. The text is in the evidence.",
		Signature:   "an \"error\" in the answer that matches no other cause",
		Fix: []string{
			"Read the error text in the evidence and search Upstash's documentation for it.",
			"Send the same command with curl to see whether it happens again.",
			"Open a ticket with Upstash support if the text points at their side.",
		},
		Severity: SeverityWarning, Class: ClassProtocol, Retry: RetryYes,
	},
}
