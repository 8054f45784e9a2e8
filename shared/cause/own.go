package cause

var configuration = []Info{
	{
		Cause: ConfigMissing,
		Title: "The Redis URL or token is missing",
		Explanation: "No URL or no token is configured, so this database cannot be watched. " +
			"If the app reads the same settings, it has probably fallen back to mock mode.",
		Signature: "UPSTASH_REDIS_URL, UPSTASH_REDIS_TOKEN or the secret behind them is empty",
		Fix: []string{
			"Copy the REST URL and the REST token from the Upstash console.",
			"Set the variable or the secret that the evidence names, for the app as well as for pongwatch.",
			"Redeploy, then check that the app no longer reports mock mode.",
		},
		Severity: SeverityCritical, Class: ClassConfig, Retry: RetryNever,
	},
	{
		Cause: ConfigScheme,
		Title: "The Redis URL is not an https:// URL",
		Explanation: "The REST API is reached with an https:// URL. A redis:// or rediss:// URL belongs to Redis' TCP protocol, " +
			"and http:// would send the token in plain text.",
		Signature: "the URL starts with redis://, rediss:// or http://, or has no scheme",
		Fix: []string{
			"Copy the REST URL from the REST section of the database's page in the Upstash console; it looks like https://your-instance.upstash.io.",
			"Store it in the secret or variable that the evidence names, and check that the token beside it is the REST token.",
			"Redeploy what reads it.",
		},
		Severity: SeverityCritical, Class: ClassConfig, Retry: RetryNever,
	},
	{
		Cause: ConfigWhitespace,
		Title: "The Redis URL or token was pasted with extra characters",
		Explanation: "The value holds a space, a line break, quotes or a \"NAME=\" prefix. " +
			"Upstash compares tokens byte by byte, so such a token is refused.",
		Signature: "space, CR, LF, quotes or a KEY= prefix in URL or token",
		Fix: []string{
			"Add the value again without a line break, for example with: printf %s VALUE | gcloud secrets versions add NAME --data-file=-",
			"Remove quotes and any \"NAME=\" before the value.",
			"Restart the app's services, which read the value at start.",
		},
		Severity: SeverityCritical, Class: ClassConfig, Retry: RetryNever,
	},
	{
		Cause:       ConfigInvalid,
		Title:       "A setting of this database or receiver is invalid",
		Explanation: "pongwatch cannot use one of its settings. Only what the evidence names is affected; everything else is watched as before.",
		Signature:   "a value of the configuration fails validation",
		Fix: []string{
			"Read in the evidence which key is wrong and what a right value looks like.",
			"Correct it and check the document with: pongwatch config check",
			"Apply the configuration again.",
		},
		Severity: SeverityWarning, Class: ClassConfig, Retry: RetryNever,
	},
	{
		Cause: ConfigDrift,
		Title: "The configuration differs from the Upstash account",
		Explanation: "The account and the configuration disagree about the database, or the account has a database that nothing watches. " +
			"Limits and forecasts follow the configuration, which pongwatch never changes.",
		Signature: "the management API's list of databases differs from the configuration in plan, region, eviction or TLS, or has further databases",
		Fix: []string{
			"Read in the evidence what differs.",
			"Correct the configuration, or the database in the Upstash console, whichever is wrong.",
			"Add a database that nothing watches to the configuration, or name it in management.ignore.",
		},
		Severity: SeverityWarning, Class: ClassConfig, Retry: RetryNever,
	},
	{
		Cause: TokenRotated,
		Title: "The token was rotated; the app may still hold the old one",
		Explanation: "The token that pongwatch used was refused and a newer version of the secret works. " +
			"Services that read the token only at start still use the old one, and fail.",
		Signature: "a 401, then success with another version of the secret",
		Fix: []string{
			"Restart or redeploy every service that reads the token at start.",
			"Check that the app's health page reports connected.",
			"Destroy the old secret version once nothing uses it.",
		},
		Severity: SeverityWarning, Class: ClassConfig, Retry: RetryNever,
	},
}

var mock = []Info{
	{
		Cause: Mock,
		Title: "The app runs in mock mode, without Redis",
		Explanation: "The app uses an in-memory fake in place of Redis. It looks healthy, but sessions, queues and rate limits live in one process: " +
			"users are logged out, jobs are lost, limits do not hold.",
		Signature: "MOCK_REDIS=true or no URL, the app says so, its log or event says so, or a nonce that it wrote is not in the real Redis",
		Fix: []string{
			"Set MOCK_REDIS=false and check UPSTASH_REDIS_URL and UPSTASH_REDIS_TOKEN in the app's production environment.",
			"Restart or redeploy the service that the evidence names; most apps choose the mock once, at start.",
			"Read that service's log from its last start for the reason of the fallback.",
		},
		Severity: SeverityCritical, Class: ClassMock, Retry: RetryNever,
	},
	{
		Cause: LimiterOpen,
		Title: "The app's rate limiter lets everybody through",
		Explanation: "The limiter allows requests above its limit, usually because it gives up waiting for Redis or ignores its errors. " +
			"Logins can be guessed without end, and paid requests to other services are not bounded.",
		Signature: "the app's limiter allows every hit of a signed request above its limit while Redis answers, or the app's page, log or event says so",
		Fix: []string{
			"Check in the app's log why its limiter gets no answer from Redis: a slow region, a wrong token, another database.",
			"Raise the limiter's timeout above what Redis takes from where the app runs, or move the two closer together.",
			"Refuse, or count in memory, where the limiter answers reason \"timeout\" or throws an error.",
		},
		Severity: SeverityCritical, Class: ClassMock, Retry: RetryNever,
	},
	{
		Cause: AppUnreachable,
		Title: "The app cannot be asked about mock mode",
		Explanation: "The app's health page did not answer usefully, so pongwatch cannot tell whether it uses the real Redis. " +
			"Redis itself is checked as before.",
		Signature: "the app's health or proof address fails, redirects or answers something else",
		Fix: []string{
			"Open the app's health address that the evidence names and check that it answers.",
			"Check the app's own monitoring for an outage.",
			"Correct the address or the key under the database's mock settings if the app moved.",
		},
		Severity: SeverityWarning, Class: ClassMock, Retry: RetryYes,
	},
}

var data = []Info{
	{
		Cause: IsolationViolation,
		Title: "Keys without a workspace prefix",
		Explanation: "Some of the sampled keys do not begin with ws:{id}: and are not exempt. " +
			"Data of one workspace may be visible to another.",
		Signature: "sampled keys do not match ^ws:[^:]+: nor an exemption",
		Fix: []string{
			"Find the code that writes the key patterns in the evidence.",
			"Give its keys the prefix ws:{workspace id}: and move the old keys.",
			"Add a pattern to the exemptions if it holds no workspace data.",
		},
		Severity: SeverityWarning, Class: ClassData, Retry: RetryNever,
	},
	{
		Cause:       ValueNotJSON,
		Title:       "Stored values are not valid JSON",
		Explanation: "Some of the sampled values that should be JSON cannot be parsed. Readers of these keys fail or see wrong data.",
		Signature:   "sampled strings under the configured patterns do not parse as JSON",
		Fix: []string{
			"Find the code that writes the key patterns in the evidence.",
			"Serialize values with a JSON library in place of string building.",
			"Rewrite the broken values.",
		},
		Severity: SeverityWarning, Class: ClassData, Retry: RetryNever,
	},
	{
		Cause:       RoundTripFailed,
		Title:       "Redis does not behave as the app needs it",
		Explanation: "PING works, but one of the patterns that the app uses (session, cache, rate limit, queue) gave a wrong result on pongwatch's own keys.",
		Signature:   "a session, cache, rate limit or queue round trip gives another result than Redis promises",
		Fix: []string{
			"Read in the evidence which pattern and which step gave the wrong result.",
			"Repeat the step by hand with curl to see whether it happens again.",
			"Check https://status.upstash.com, then open a ticket with Upstash support.",
		},
		Severity: SeverityWarning, Class: ClassData, Retry: RetryYes,
	},
	{
		Cause: WriteMismatch,
		Title: "Redis returns something else than was written",
		Explanation: "pongwatch wrote a value to its own key and read another one, or none, right after. " +
			"A lagging replica, eviction, or two databases behind one address look like this.",
		Signature: "GET after SET of the canary key returns another value or nothing",
		Fix: []string{
			"Check whether the database has read replicas that lag behind, in the Upstash console.",
			"Check that eviction has not dropped the key: look at evicted keys and free space.",
			"Check that no proxy caches GET requests to Upstash.",
		},
		Severity: SeverityCritical, Class: ClassData, Retry: RetryYes,
	},
}

var monitor = []Info{
	{
		Cause:       MonitorSecretDenied,
		Title:       "pongwatch may not read a secret",
		Explanation: "Secret Manager refuses access to a secret, so what depends on it is not watched, or its alerts are not sent.",
		Signature:   "Secret Manager answers PERMISSION_DENIED",
		Fix: []string{
			"Grant roles/secretmanager.secretAccessor on the secret in the evidence to the function's service account.",
			"Apply Terraform again if permissions were changed by hand.",
			"Check for an organization policy or a VPC Service Controls perimeter that blocks the call.",
		},
		Severity: SeverityCritical, Class: ClassMonitor, Retry: RetryNever,
	},
	{
		Cause:       MonitorSecretMissing,
		Title:       "A secret of pongwatch does not exist",
		Explanation: "The secret or its version is missing, disabled, destroyed or damaged, so what depends on it is not watched, or its alerts are not sent.",
		Signature:   "Secret Manager answers NOT_FOUND or FAILED_PRECONDITION, or the data's checksum is wrong",
		Fix: []string{
			"Check that the secret in the evidence exists and has an enabled version.",
			"Add a version with the right value.",
			"Correct the sm:// reference in the configuration if the secret was renamed.",
		},
		Severity: SeverityCritical, Class: ClassMonitor, Retry: RetryNever,
	},
	{
		Cause:       MonitorSecretUnavailable,
		Title:       "Secret Manager does not answer",
		Explanation: "Secret Manager cannot be reached or fails. Secrets that were read before stay in use; what was never read is not watched.",
		Signature:   "Secret Manager answers UNAVAILABLE, DEADLINE_EXCEEDED or INTERNAL",
		Fix: []string{
			"Check the Google Cloud status page for Secret Manager.",
			"Check that the Secret Manager API is enabled in the project.",
			"Wait; pongwatch reads the secret again on every run.",
		},
		Severity: SeverityWarning, Class: ClassMonitor, Retry: RetryYes,
	},
	{
		Cause:       MonitorConfig,
		Title:       "pongwatch cannot read its configuration",
		Explanation: "The configuration document is unreadable or empty. Nothing is closed and nothing new is watched until it is fixed.",
		Signature:   "PONGWATCH_CONFIG cannot be read, parsed or names no database",
		Fix: []string{
			"Check the document with: pongwatch config check",
			"Apply the last configuration that worked.",
			"Check that the function's service account may read the secret or file that holds it.",
		},
		Severity: SeverityCritical, Class: ClassMonitor, Retry: RetryNever,
	},
	{
		Cause:       MonitorStore,
		Title:       "pongwatch cannot use its store",
		Explanation: "Firestore (or the local file) cannot be read or written. Alerts may come twice or late, and history has a gap.",
		Signature:   "the store answers an error other than a conflict",
		Fix: []string{
			"Check the Google Cloud status page for Firestore.",
			"Check that the function's service account has roles/datastore.user on the database.",
			"Check that the Firestore database in the evidence exists, and its quota page.",
		},
		Severity: SeverityCritical, Class: ClassMonitor, Retry: RetryYes,
	},
	{
		Cause:       MonitorState,
		Title:       "pongwatch lost part of its stored state",
		Explanation: "The stored state of a shard, or a data file of pongwatch local, could not be read. It was kept under another name and a new one was begun, so open incidents may be reported again. Or the state does not fit its document: the evidence names what is not watched, and the rest is watched as before.",
		Signature:   "a state document with an unknown schema or damaged data, or above 950,000 bytes, or a data file that is cut off or overwritten",
		Fix: []string{
			"For a file: check the disk for errors and free space (dmesg, df -h). The damaged file is kept beside the new one.",
			"For a state: check whether an older version was deployed over a newer one, and deploy the newer one again.",
			"For a state that does not fit: end what keeps its incidents open, or divide the shard in the configuration.",
			"Compare the open incidents with what the dashboard shows, and report to the project what the evidence names.",
		},
		Severity: SeverityWarning, Class: ClassMonitor, Retry: RetryNever,
	},
	{
		Cause:       MonitorMissingReports,
		Title:       "No reports arrive",
		Explanation: "A job has stopped reporting, so nothing is being watched. The last known state is kept; silence is not good news.",
		Signature:   "no report of a job, region and shard, or no observation of a series, for three intervals and two minutes",
		Fix: []string{
			"Check in Cloud Scheduler that the job in the evidence is enabled and see its last result.",
			"Read the function's log for errors since the last report.",
			"Check the Pub/Sub subscription for old unacknowledged messages.",
		},
		Severity: SeverityCritical, Class: ClassMonitor, Retry: RetryNever,
	},
	{
		Cause:       MonitorPublish,
		Title:       "Reports cannot be published",
		Explanation: "A run finished but its report could not be handed over, so Alert does not know of it. The run is repeated by the scheduler.",
		Signature:   "publishing to the reports topic fails",
		Fix: []string{
			"Check that the function's service account has roles/pubsub.publisher on the topic in the evidence.",
			"Check the Google Cloud status page for Pub/Sub.",
			"Split the shard if the evidence says that the report is too large.",
		},
		Severity: SeverityCritical, Class: ClassMonitor, Retry: RetryYes,
	},
	{
		Cause:       MonitorReceiver,
		Title:       "A receiver refuses notifications",
		Explanation: "Slack, the mail server or a webhook refuses pongwatch's notifications for good. They go to the fallback receiver until it is fixed.",
		Signature:   "a receiver answers with an error that a retry cannot change",
		Fix: []string{
			"Read in the evidence which receiver refuses and why.",
			"For Slack, check the token, the channel and that the app is a member of it; for email, check the login and the recipient.",
			"Send a drill afterwards with: pongwatch drill",
		},
		Severity: SeverityCritical, Class: ClassMonitor, Retry: RetryNever,
	},
	{
		Cause: MonitorNetwork,
		Title: "pongwatch has lost its network",
		Explanation: "The network canary fails together with several databases, so the fault is on this side. " +
			"The databases that the evidence lists are unseen, not known to be down.",
		Signature: "the network canary worked within 24 hours, fails now, and at least two databases fail with it",
		Fix: []string{
			"Check the VPC connector, Cloud NAT and firewall of the function's region.",
			"Check the Google Cloud status page for the region's network.",
			"Check the databases from elsewhere with: pongwatch probe",
		},
		Severity: SeverityCritical, Class: ClassMonitor, Retry: RetryYes,
	},
	{
		Cause:       MonitorManagement,
		Title:       "Upstash's management API refuses pongwatch",
		Explanation: "The management API key does not work, so the monthly commands are only a lower bound. Everything else is watched as before.",
		Signature:   "api.upstash.com answers 401 or 403, or does not answer",
		Fix: []string{
			"Check in the Upstash console that the management API key still exists; a team's database needs a key of that team.",
			"Store the account's email and key again in the secret.",
			"Remove the management settings if they are not wanted.",
		},
		Severity: SeverityWarning, Class: ClassMonitor, Retry: RetryNever,
	},
	{
		Cause:       MonitorBudget,
		Title:       "Checks that cost commands are paused",
		Explanation: "The database has used so much of its command quota that pongwatch stopped the checks that cost commands. PING, INFO and alerts go on.",
		Signature:   "commands used are above 95 % of the quota, or a quota cause was seen",
		Fix: []string{
			"Upgrade the plan, or reduce what uses the commands; the checks start again by themselves.",
			"Lower the check intervals in the configuration if pongwatch's share is large: pongwatch budget",
		},
		Severity: SeverityInfo, Class: ClassMonitor, Retry: RetryNever,
	},
	{
		Cause:       MonitorPanic,
		Title:       "pongwatch has a bug",
		Explanation: "A check crashed and was stopped. The other checks went on; what this one should have seen is unknown.",
		Signature:   "a recovered panic",
		Fix: []string{
			"Report the evidence and the log lines around it to the project.",
			"Deploy the version that worked before.",
		},
		Severity: SeverityWarning, Class: ClassMonitor, Retry: RetryNever,
	},
	{
		Cause:       Interrupted,
		Title:       "Not checked this time",
		Explanation: "The run ended before this check could be made or confirmed. The next run tries again.",
		Signature:   "the run's deadline passed, or the run was stopped",
		Fix: []string{
			"Wait for the next run.",
			"If it happens on every run, split the shard or raise the function's timeout and CPU.",
		},
		Severity: SeverityInfo, Class: ClassMonitor, Retry: RetryNever,
	},
	{
		Cause:       NoLongerWatched,
		Title:       "No longer watched",
		Explanation: "The database, or the check, is gone from the configuration. Its incident is closed without saying that it works again.",
		Signature:   "an open incident's series is not in the configuration",
		Fix: []string{
			"Do nothing if it was removed on purpose.",
			"Put the database back into the configuration if it was not.",
		},
		Severity: SeverityInfo, Class: ClassMonitor, Retry: RetryNever,
	},
	{
		Cause:       Drill,
		Title:       "This is a drill",
		Explanation: "This is a rehearsal of an alert. Nothing is wrong.",
		Signature:   "a drill was asked for",
		Fix: []string{
			"Acknowledge the incident, as you would a real one.",
			"Check that everyone who should have been notified was.",
		},
		Severity: SeverityInfo, Class: ClassMonitor, Retry: RetryNever,
	},
	{
		Cause:       Unknown,
		Title:       "An unclassified failure",
		Explanation: "The check failed in a way that this version of pongwatch cannot name. The evidence holds what was seen.",
		Signature:   "none of the others",
		Fix: []string{
			"Read the evidence and the function's log line of this check.",
			"Ping the database by hand with: pongwatch probe",
			"Report the evidence to the project, so that the next version can name it.",
		},
		Severity: SeverityWarning, Class: ClassMonitor, Retry: RetryYes,
	},
}
