package cause

// near are warnings before Upstash stops a database.
var near = []Info{
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
