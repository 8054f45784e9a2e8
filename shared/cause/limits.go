package cause

var quota = []Info{
	{
		Cause: QuotaMonthly,
		Title: "This month's Redis commands are used up",
		Explanation: "The plan's commands for this month are used up. " +
			"Upstash rejects every command until the plan changes or the next month begins.",
		Signature: "\"max requests limit exceeded\" in the answer",
		Fix: []string{
			"Upgrade the database's plan in the Upstash console; it works again within a minute.",
			"Find in the console's command chart what uses the commands, and stop polling loops first.",
			"If neither is possible, run the app on its fallback until the first of the month (UTC).",
		},
		Severity: SeverityCritical, Class: ClassQuota, Retry: RetryNever,
	},
	{
		Cause: QuotaDaily,
		Title: "Today's Redis commands are used up",
		Explanation: "The database is on an old plan with a daily limit, and the day's commands are used up. " +
			"Upstash rejects every command until midnight UTC or until the plan changes.",
		Signature: "\"max daily request limit exceeded\" in the answer",
		Fix: []string{
			"Move the database to a current plan in the Upstash console; the current free plan counts by the month.",
			"Find in the console's command chart what uses the commands today.",
			"If neither is possible, run the app on its fallback until midnight UTC.",
		},
		Severity: SeverityCritical, Class: ClassQuota, Retry: RetryNever,
	},
	{
		Cause: QuotaSuspended,
		Title: "Upstash has suspended the database",
		Explanation: "Upstash refuses every command, PING included, as a rule because the month's cost has reached the database's budget. " +
			"It stays suspended until the budget is raised, even if the traffic stops.",
		Signature: "\"database has been suspended\" or \"budget limit\" in the answer",
		Fix: []string{
			"Read the reason in the evidence, and compare the month's cost with the database's budget in the Upstash console.",
			"Raise the budget, or switch to a fixed plan; until then run the app on its fallback, since retrying does not help.",
			"Find under Usage in the console what caused the cost, and stop polling loops and idle queue workers.",
			"If the budget is not reached, check the account's billing page, then open a ticket with Upstash support.",
		},
		Severity: SeverityCritical, Class: ClassQuota, Retry: RetryNever,
	},
	{
		Cause: QuotaPlan,
		Title: "The Redis plan has reached a limit and is stopped",
		Explanation: "A limit of the free or fixed plan is reached: bandwidth, storage or commands. " +
			"Upstash refuses every command, reads included, until the plan changes or, for bandwidth and commands, the month ends.",
		Signature: "\"database has reached … plan limits\" or \"bandwidth … exceeded\" in the answer",
		Fix: []string{
			"Look under Usage in the Upstash console which limit is reached.",
			"Upgrade the plan there, or enable auto upgrade; it works again within a minute.",
			"Run the app on its fallback meanwhile; what Redis has stored is kept.",
			"Then reduce what grew: large values and replies for bandwidth, keys without expiry for storage, polling for commands.",
		},
		Severity: SeverityCritical, Class: ClassQuota, Retry: RetryNever,
	},
	{
		Cause: QuotaRateLimited,
		Title: "Upstash has rate-limited the database",
		Explanation: "Upstash has put a limit on this database and refuses its commands, PING included. " +
			"It happens above the plan's commands a second or the budget, and ends by itself or by Upstash's support.",
		Signature: "\"database has been temporarily rate-limited\" in the answer",
		Fix: []string{
			"Compare Usage in the Upstash console with the plan and the budget, and raise what is reached.",
			"Reduce what sends the most commands (polling loops, queue workers, retries without a pause), then wait ten minutes.",
			"If it stays limited, write to support@upstash.com with the evidence.",
		},
		Severity: SeverityCritical, Class: ClassQuota, Retry: RetryNever,
	},
}

var capacity = []Info{
	{
		Cause: StorageFull,
		Title: "Redis is full and rejects writes",
		Explanation: "The data has reached the plan's size. Reading and deleting still work and PING still answers, " +
			"but nothing new is saved: logins, cache entries and queue items are lost.",
		Signature: "\"DB capacity quota exceeded\" in the answer to a write",
		Fix: []string{
			"Upgrade the database's plan in the Upstash console; writes work again within a minute.",
			"Find the largest key families in the console's data browser, and what has written them lately.",
			"Give cache keys an expiry, and remove only what you know to be disposable; deleting still works.",
		},
		Severity: SeverityCritical, Class: ClassCapacity, Retry: RetryNever,
	},
	{
		Cause: MemoryHigh,
		Title: "Redis is nearly full",
		Explanation: "The stored data approaches the plan's size. When it reaches it, " +
			"writes are rejected, or keys are dropped if eviction is on.",
		Signature: "total_data_size / max_data_size of INFO is above the threshold",
		Fix: []string{
			"Find the largest key families in the Upstash console's data browser, and what has written them lately.",
			"Give cache and session keys an expiry.",
			"Upgrade the database's plan before it is full.",
		},
		Severity: SeverityWarning, Class: ClassCapacity, Retry: RetryNever,
	},
	{
		Cause: CommandsHigh,
		Title: "The Redis commands of this month run out",
		Explanation: "At this rate the plan's commands are used up before the month ends. " +
			"When they are, Upstash rejects every command.",
		Signature: "commands used this month, or their projection, are above the threshold of the plan's quota",
		Fix: []string{
			"Find what uses the commands: by pattern of keys with \"pongwatch top\", by type in the Upstash console's command chart.",
			"Stop polling loops, and read several keys at once with MGET.",
			"Upgrade the database's plan, or move it to pay-as-you-go, before they run out.",
		},
		Severity: SeverityWarning, Class: ClassCapacity, Retry: RetryNever,
	},
	{
		Cause: EvictionRisk,
		Title: "Redis may silently drop keys",
		Explanation: "Eviction is on and the database is nearly full, or keys were evicted since the last look. " +
			"Sessions and queue items can vanish without an error.",
		Signature: "maxmemory_policy is not noeviction and the data is near its limit, or evicted_keys grew",
		Fix: []string{
			"Move sessions and queues to a database without eviction, if they share this one with a cache.",
			"Upgrade the plan, or remove only what you know to be disposable, so that nothing has to be evicted.",
			"Switch eviction off if losing a key is worse than a rejected write.",
		},
		Severity: SeverityWarning, Class: ClassCapacity, Retry: RetryNever,
	},
	{
		Cause: ConnectionsFull,
		Title: "Redis takes no further TCP connections",
		Explanation: "The database's maximum of TCP connections is in use, so new clients are refused. " +
			"Clients that are connected work on, and REST requests need no such connection.",
		Signature: "\"max concurrent connections exceeded\" or \"max number of clients reached\" in the answer",
		Fix: []string{
			"Restart the service that holds the most connections; that frees them at once.",
			"Share one TCP client in each process, and close it where a serverless function ends.",
			"Use the REST client in serverless functions, or upgrade the plan if so many connections are needed.",
		},
		Severity: SeverityCritical, Class: ClassCapacity, Retry: RetryYes,
	},
	{
		Cause: BandwidthHigh,
		Title: "The traffic of this month runs out",
		Explanation: "The database's traffic approaches what the plan includes a month. Beyond it Upstash rejects every command of a free or fixed plan; " +
			"pay-as-you-go costs more for each further gigabyte.",
		Signature: "total_monthly_bandwidth of the account, or its projection, is above the threshold of the plan's traffic",
		Fix: []string{
			"Find the largest values that are read often, and read only the fields that are needed, or cache them in the app.",
			"Enable auto upgrade, or upgrade the plan, in the Upstash console before the traffic runs out.",
			"Compress large values, and look for loops that read whole lists or hashes.",
		},
		Severity: SeverityWarning, Class: ClassCapacity, Retry: RetryNever,
	},
	{
		Cause: BudgetHigh,
		Title: "The database's budget runs out",
		Explanation: "What the database has cost this month approaches the budget that is set in the Upstash console. " +
			"When it is spent, Upstash suspends the database and rejects every command, PING too.",
		Signature: "total_monthly_billing of the account, or its projection, is above the threshold of the database's budget",
		Fix: []string{
			"Raise the database's budget in the Upstash console, or switch to a fixed plan.",
			"Find what grew: by pattern of keys with \"pongwatch top\", by type in the evidence or in the console's command chart.",
			"Stop polling loops, idle workers and retries that never end.",
		},
		Severity: SeverityWarning, Class: ClassCapacity, Retry: RetryNever,
	},
	{
		Cause: ConnectionsHigh,
		Title: "The connections to Redis run out",
		Explanation: "The open TCP connections approach the plan's maximum. At the maximum Upstash refuses further TCP clients; " +
			"apps that use the REST API are not affected.",
		Signature: "connected_clients / maxclients of INFO is above the threshold",
		Fix: []string{
			"Share one client in each process, and close it when the process ends.",
			"Use the REST API in serverless functions, which keeps no connections.",
			"Upgrade the plan if every connection is needed.",
		},
		Severity: SeverityWarning, Class: ClassCapacity, Retry: RetryNever,
	},
}
