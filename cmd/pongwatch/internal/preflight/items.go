package preflight

// The sections of the customer's checklist.
const (
	sectionConnectivity = "Infrastructure & Connectivity"
	sectionPackages     = "Package Dependencies"
	sectionSecurity     = "Security Configuration"
	sectionDeployment   = "Deployment"
	sectionServices     = "Core Services"
	sectionMonitoring   = "Monitoring"
)

// Lines of the customer's checklist that several items serve.
const (
	lineToken       = "REST Token Active: Verified in the Upstash console with Read/Write permissions."
	lineEgress      = "Network Egress: Firewall rules allow outbound HTTPS requests to upstash.io."
	lineVerify      = "Verify credentials connectivity"
	lineConnected   = "Connectivity test passed."
	lineEnvironment = "Environment variables verified."
	lineBackend     = "Backend: upstash-redis v0.15.0+ installed in production environment."
	lineFrontend    = "Frontend: @upstash/redis v1.28.0+ integrated into build bundle."
	lineConflict    = "No Conflicting Redis: Verified that the standard redis Python package is not shadowing core modules."
	lineSecured     = "REST Tokens Secured: Secrets stored in GCP Secret Manager/Vercel Environment Variables."
	lineHealth      = "Verify health endpoint returns 'connected'"
	lineAlerting    = "Alerting: Configure Slack/Email alerts for Redis PING failures."
	lineSessions    = "Sessions: Login/Logout flow persists user state correctly."
	lineCaching     = "Caching: Repeating dashboard requests show HIT in performance logs."
	lineLimiting    = "Rate Limiting: Multiple rapid API calls trigger 429 as expected."
	lineQueuing     = "Queuing: Background tasks are successfully added to and removed from lists."
	lineMetrics     = "GET /api/v1/admin/redis-metrics - Returns 200 with full statistics."
	lineChart       = "Admin UI shows the Redis Performance chart with live data."
	lineDashboard   = "Monitoring dashboard functional."
	lineFallback    = "Fallback Rate: Monitor logs for Mock Mode activation events."
)

func lines(all ...string) []string { return all }

func needs(ids ...string) []string { return ids }

// Items returns every item in the order in which they are asked.
func Items() []Item {
	var all []Item
	for section, items := range inOrder() {
		for _, i := range items {
			i.Section = section
			all = append(all, i)
		}
	}
	return all
}

// inOrder yields each section with its items.
func inOrder() func(yield func(string, []Item) bool) {
	return func(yield func(string, []Item) bool) {
		_ = yield(sectionConnectivity, connectivityItems()) &&
			yield(sectionPackages, packageItems()) &&
			yield(sectionSecurity, securityItems()) &&
			yield(sectionDeployment, deploymentItems()) &&
			yield(sectionServices, serviceItems()) &&
			yield(sectionMonitoring, monitoringItems())
	}
}

func connectivityItems() []Item {
	return []Item{
		{ID: "env.variables", Title: "the settings are complete and valid", Each: variables, Lines: lines("Environment Variables configured in production:", lineEnvironment)},
		{ID: "database.url", Title: "the REST URL is an https:// address", Each: restURL, Lines: lines("REST URL Verified: Must start with https:// and point to the instance.")},
		{ID: "database.token-shape", Title: "the token has the form of a REST token", Each: tokenShape, Lines: lines(lineToken)},
		{
			ID: "network.egress", Title: "name, connection, TLS and an answer within 4 s", Each: egress,
			Needs: needs("database.url", "database.token-shape"), Lines: lines(lineEgress, lineConnected),
		},
		{ID: "network.egress-deployed", Title: "the deployed HealthCheck reaches it too", Each: deployedEgress, Lines: lines(lineEgress)},
		{ID: "database.region", Title: "app and database are close", Each: region, Needs: needs("network.egress"), Lines: lines("Upstash Database Created in the correct region (e.g., us-east-1).")},
		{ID: "database.token", Title: "Upstash accepts the token", Each: tokenAccepted, Needs: needs("network.egress"), Lines: lines(lineToken, lineVerify)},
		{ID: "network.ping", Title: "PING is answered with PONG", Each: pong, Needs: needs("network.egress", "database.token"), Lines: lines(lineVerify, lineConnected)},
		{ID: "redis.write", Title: "the token may write, and there is room", Each: canWrite, Needs: needs("network.ping"), Lines: lines(lineToken)},
		{ID: "redis.read", Title: "what was written is read back", Each: canRead, Needs: needs("redis.write"), Lines: lines(lineToken)},
		{ID: "redis.script", Title: "the token may run scripts, as rate limiters do", Each: canScript, Needs: needs("redis.write"), Lines: lines(lineToken, lineLimiting)},
		{ID: "redis.delete", Title: "the token may delete", Each: canDelete, Needs: needs("redis.write"), Lines: lines(lineToken)},
	}
}

func packageItems() []Item {
	return []Item{
		{ID: "packages.backend", Title: "upstash-redis 0.15.0 or newer", Once: backendPackage, Lines: lines(lineBackend)},
		{ID: "packages.frontend", Title: "@upstash/redis 1.28.0 or newer", Once: frontendPackage, Lines: lines(lineFrontend)},
		{ID: "packages.conflict", Title: "no second Redis client beside Upstash's", Once: conflictingPackage, Lines: lines(lineConflict)},
		{ID: "packages.shadowing", Title: "no local file or folder called redis", Once: shadowing, Lines: lines(lineConflict)},
		{ID: "packages.variables", Title: "the code reads the variables that are set", Once: variableNames, Lines: lines(lineEnvironment)},
	}
}

func securityItems() []Item {
	return []Item{
		{ID: "security.secret-manager", Title: "the token comes from a secret store", Each: secretStore, Lines: lines(lineSecured)},
		{ID: "security.exposed", Title: "no token reaches a browser", Once: exposed, Lines: lines(lineSecured)},
		{ID: "security.https", Title: "every connection is TLS with a verified certificate", Each: httpsOnly, Needs: needs("network.egress"), Lines: lines("HTTPS Enforced: No non-TLS connections allowed to Upstash.")},
		{ID: "security.isolation", Title: "sampled keys are inside a workspace", Each: isolation, Needs: needs("network.ping"), Lines: lines("Workspace Isolation: Verified that all caching/session logic uses ws:{id} prefixes.")},
		{ID: "security.values", Title: "sampled values are JSON", Each: values, Needs: needs("network.ping"), Lines: lines("Input Validation: All data stored in Redis is properly serialized/sanitized JSON.")},
	}
}

func deploymentItems() []Item {
	return []Item{
		{ID: "deploy.mock-off", Title: "MOCK_REDIS is off", Each: mockOff, Lines: lines("Set MOCK_REDIS=false in the production environment.")},
		{ID: "deploy.backend", Title: "the app is deployed and answers", Once: appAnswers, Lines: lines("Deploy the backend to Cloud Run/Compute Engine.")},
		{ID: "deploy.restarted", Title: "the running app uses Redis, not a mock", Once: appConnected, Needs: needs("deploy.backend"), Lines: lines("Restart services to initialize the singleton RedisClient.", lineHealth)},
		{ID: "health.connected", Title: "pongwatch's health endpoint says connected", Once: healthConnected, Lines: lines(lineHealth)},
	}
}

func serviceItems() []Item {
	return []Item{
		{ID: "redis.session", Title: "a session is kept, read and ended in Redis", Each: sessionPattern, Needs: needs("redis.write"), Lines: lines(lineSessions)},
		{ID: "redis.cache", Title: "a cached value is found, and expires", Each: cachePattern, Needs: needs("redis.write"), Lines: lines(lineCaching)},
		{ID: "redis.rate-limit", Title: "a counter counts and has an end", Each: limitPattern, Needs: needs("redis.write"), Lines: lines(lineLimiting)},
		{ID: "redis.queue", Title: "a list gives tasks back in order", Each: queuePattern, Needs: needs("redis.write"), Lines: lines(lineQueuing)},
		{ID: "app.sessions", Title: "the app's login lasts until its logout", Once: appSessions, Lines: lines(lineSessions)},
		{ID: "app.caching", Title: "the app's second answer comes from the cache", Once: appCaching, Lines: lines(lineCaching)},
		{ID: "app.rate-limit", Title: "the app answers a burst with 429", Once: appLimits, Lines: lines(lineLimiting)},
		{ID: "app.queue", Title: "the app's worker takes the task", Once: appQueue, Lines: lines(lineQueuing)},
		{ID: "app.fallback", Title: "the app has fallen back and recovered", Once: appFallback, Lines: lines("Graceful fallback verified.")},
	}
}

func monitoringItems() []Item {
	return []Item{
		{ID: "metrics.ping", Title: "PING within the limit, 600 ms by default", Each: pingLatency, Needs: needs("network.ping"), Lines: lines("Redis PING: Should remain < 600ms globally.")},
		{ID: "metrics.hit-rate", Title: "hit rate above the limit, 60 % by default", Each: hitRate, Needs: needs("network.ping"), Lines: lines("Hit Rate: Caching should achieve > 60% for frequent modules.")},
		{ID: "metrics.memory", Title: "data well below the plan's quota", Each: memory, Needs: needs("network.ping"), Lines: lines("Memory Usage: Monitor Upstash console for quota limits (e.g., 256MB free tier).")},
		{ID: "metrics.fallback", Title: "no app is or was in mock mode", Once: fallbackRate, Lines: lines(lineFallback)},
		{ID: "monitor.jobs", Title: "pongwatch's jobs run on time", Once: monitorJobs, Lines: lines(lineDashboard)},
		{ID: "monitor.metrics", Title: "full statistics of every database", Once: monitorMetrics, Lines: lines(lineMetrics)},
		{ID: "monitor.dashboard", Title: "the Redis Performance chart has live data", Once: monitorDashboard, Lines: lines(lineChart, lineDashboard)},
		{ID: "alerting.receivers", Title: "somebody is told, and woken", Once: receivers, Lines: lines(lineAlerting)},
		{ID: "alerting.drill", Title: "every receiver takes a drill", Once: drill, Needs: needs("alerting.receivers"), Lines: lines(lineAlerting)},
		{ID: "upstash.alerts", Title: "Upstash's own mails are on", Once: consoleAlerts, Lines: lines("Upstash Monitoring: Enable automated email alerts in the Upstash console.")},
		{ID: "docs.archived", Title: "this record is signed and kept", Once: archived, Lines: lines("Documentation archived and ready.")},
	}
}
