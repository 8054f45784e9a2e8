package preflight

import (
	"context"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight/sources"
	"github.com/pongwatch/pongwatch/shared/report"
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
	lineHTTPS       = "HTTPS Enforced: No non-TLS connections allowed to Upstash."
	lineCreated     = "Upstash Database Created in the correct region (e.g., us-east-1)."
	lineQuota       = "Memory Usage: Monitor Upstash console for quota limits (e.g., 256MB free tier)."
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

// Items returns every item in the order in which they run.
func Items() []Item {
	var all []Item
	for _, section := range []struct {
		name  string
		items []Item
	}{
		{"Infrastructure & Connectivity", []Item{
			{ID: "env.variables", Title: "the settings are complete and valid", Each: variables, Lines: []string{"Environment Variables configured in production:", lineEnvironment}},
			{ID: "database.url", Title: "the REST URL is an https:// address", Each: restURL, Lines: []string{"REST URL Verified: Must start with https:// and point to the instance."}},
			{ID: "database.token-shape", Title: "the token has the form of a REST token", Each: tokenShape, Lines: []string{lineToken}},
			{
				ID: "network.egress", Title: "name, connection, TLS and an answer within 4 s", Each: egress,
				Needs: []string{"database.url", "database.token-shape"}, Lines: []string{lineEgress, lineConnected},
			},
			{ID: "network.egress-deployed", Title: "the deployed HealthCheck reaches it too", Each: deployedEgress, Lines: []string{lineEgress}},
			{ID: "database.region", Title: "app and database are close", Each: region, Needs: []string{"network.egress"}, Lines: []string{lineCreated}},
			{ID: "database.token", Title: "Upstash accepts the token", Each: tokenAccepted, Needs: []string{"network.egress"}, Lines: []string{lineToken, lineVerify}},
			{ID: "network.ping", Title: "PING is answered with PONG", Each: pong, Needs: []string{"network.egress", "database.token"}, Lines: []string{lineVerify, lineConnected}},
			{ID: "redis.write", Title: "the token may write, and there is room", Each: canWrite, Needs: []string{"network.ping"}, Lines: []string{lineToken}},
			{ID: "redis.read", Title: "what was written is read back", Each: canRead, Needs: []string{"redis.write"}, Lines: []string{lineToken}},
			{ID: "redis.script", Title: "the token may run scripts, as rate limiters do", Each: canScript, Needs: []string{"redis.write"}, Lines: []string{lineToken, lineLimiting}},
			{ID: "redis.delete", Title: "the token may delete", Each: canDelete, Needs: []string{"redis.write"}, Lines: []string{lineToken}},
		}},
		{"Package Dependencies", []Item{
			{ID: "packages.backend", Title: "upstash-redis 0.15.0 or newer", Once: reading(backendPackage, "backend"), Lines: []string{lineBackend}},
			{ID: "packages.frontend", Title: "@upstash/redis 1.28.0 or newer", Once: reading(func(_ *run, trees []*sources.Tree) Finding {
				return judgeFloor(sources.Node, trees[0].Said(sources.Node), true)
			}, "frontend"), Lines: []string{lineFrontend}},
			{ID: "packages.conflict", Title: "no second Redis client beside Upstash's", Once: reading(conflictingPackage, "backend", "frontend"), Lines: []string{lineConflict}},
			{ID: "packages.shadowing", Title: "no local file or folder called redis", Once: reading(shadowing, "backend"), Lines: []string{lineConflict}},
			{ID: "packages.variables", Title: "the code reads the variables that are set", Once: reading(variableNames, "backend", "frontend"), Lines: []string{lineEnvironment}},
		}},
		{"Security Configuration", []Item{
			{ID: "security.secret-manager", Title: "the token comes from a secret store", Each: secretStore, Lines: []string{lineSecured}},
			{ID: "security.exposed", Title: "no token reaches a browser", Once: reading(exposed, "backend", "frontend"), Lines: []string{lineSecured}},
			{ID: "security.https", Title: "every connection is TLS with a verified certificate", Each: httpsOnly, Needs: []string{"network.egress"}, Lines: []string{lineHTTPS}},
			{ID: "security.isolation", Title: "sampled keys are inside a workspace", Each: sampled(report.Isolation), Needs: []string{"network.ping"}, Lines: []string{"Workspace Isolation: Verified that all caching/session logic uses ws:{id} prefixes."}},
			{ID: "security.values", Title: "sampled values are JSON", Each: sampled(report.Values), Needs: []string{"network.ping"}, Lines: []string{"Input Validation: All data stored in Redis is properly serialized/sanitized JSON."}},
		}},
		{"Upstash's Production Checklist", []Item{
			{ID: "upstash.account", Title: "the management API tells the database's settings", Each: account, Lines: []string{lineCreated, lineQuota}},
			{ID: "upstash.tls", Title: "TLS is on", Each: switched("Details", func(s settings) any { return s.TLS }, true, false, "connections without TLS are allowed"), Needs: []string{"upstash.account"}, Lines: []string{lineHTTPS}},
			{ID: "upstash.allowlist", Title: "an IP allowlist is set", Each: switched("Details, IP Allowlist", allowlist, true, true, "every address may connect"), Needs: []string{"upstash.account"}, Lines: []string{lineSecured}},
			{ID: "upstash.acl", Title: "ACL users limit what a token may do", Each: switched("ACL", func(s settings) any { return s.ACL }, true, true, "every token may run every command"), Needs: []string{"upstash.account"}, Lines: []string{lineSecured}},
			{ID: "upstash.backups", Title: "daily backups are on", Each: switched("Backups", func(s settings) any { return s.Backups }, true, true, "deleted data cannot be restored"), Needs: []string{"upstash.account"}, Lines: []string{lineCreated}},
			{ID: "upstash.eviction", Title: "eviction is off: a full database refuses writes and loses no key", Each: switched("Details, Eviction", func(s settings) any { return s.Eviction }, false, false, "a full database silently drops keys, sessions and tasks among them"), Needs: []string{"upstash.account"}, Lines: []string{lineQuota}},
			{ID: "upstash.budget", Title: "the month's cost has a limit", Each: setting("Usage", budgeted), Needs: []string{"upstash.account"}, Lines: []string{lineQuota}},
			{ID: "upstash.regions", Title: "the primary region is the configured one", Each: setting("Details, Regions", placed), Needs: []string{"upstash.account"}, Lines: []string{lineCreated}},
			{ID: "upstash.prod-pack", Title: "Prod Pack gives a second zone and an SLA", Each: setting("Details, Prod Pack", decided), Needs: []string{"upstash.account"}, Lines: []string{lineCreated}},
			{
				ID: "upstash.rotation", Title: "credentials are rotated", Each: func(context.Context, *run, *database) Finding {
					return manual("no interface tells how old a token is", "Reset the credentials in the Upstash console when a person leaves who knew them, and at least once a year; this ends the old token at once.",
						"Store the new token in the secret store, then deploy the app and pongwatch.")
				}, Lines: []string{lineSecured},
			},
		}},
		{"Deployment", []Item{
			{ID: "deploy.mock-off", Title: "MOCK_REDIS is off", Each: mockOff, Lines: []string{"Set MOCK_REDIS=false in the production environment."}},
			{ID: "deploy.backend", Title: "the app is deployed and answers", Once: appAnswers, Lines: []string{"Deploy the backend to Cloud Run/Compute Engine."}},
			{ID: "deploy.restarted", Title: "the running app uses Redis, not a mock", Once: appConnected, Needs: []string{"deploy.backend"}, Lines: []string{"Restart services to initialize the singleton RedisClient.", lineHealth}},
			{ID: "health.connected", Title: "pongwatch's health endpoint says connected", Once: watching(healthConnected), Lines: []string{lineHealth}},
		}},
		{"Core Services", []Item{
			{ID: "redis.session", Title: "a session is kept, read and ended in Redis", Each: sessionPattern, Needs: []string{"redis.write"}, Lines: []string{lineSessions}},
			{ID: "redis.cache", Title: "a cached value is found, and expires", Each: cachePattern, Needs: []string{"redis.write"}, Lines: []string{lineCaching}},
			{ID: "redis.rate-limit", Title: "a counter counts and has an end", Each: limitPattern, Needs: []string{"redis.write"}, Lines: []string{lineLimiting}},
			{ID: "redis.queue", Title: "a list gives tasks back in order", Each: queuePattern, Needs: []string{"redis.write"}, Lines: []string{lineQueuing}},
			{ID: "app.sessions", Title: "the app's login lasts until its logout", Once: appSessions, Lines: []string{lineSessions}},
			{ID: "app.caching", Title: "the app's second answer comes from the cache", Once: appCaching, Lines: []string{lineCaching}},
			{ID: "app.rate-limit", Title: "the app answers a burst with 429", Once: appLimits, Lines: []string{lineLimiting}},
			{ID: "app.limiter", Title: "the app's limiter refuses what is above its limit", Once: appLimiter, Lines: []string{lineLimiting}},
			{ID: "app.queue", Title: "the app's worker takes the task", Once: appQueue, Lines: []string{lineQueuing}},
			{ID: "app.fallback", Title: "the app has fallen back and recovered", Once: appFallback, Lines: []string{"Graceful fallback verified."}},
		}},
		{"Monitoring", []Item{
			{ID: "metrics.ping", Title: "PING within the limit, 600 ms by default", Each: pingLatency, Needs: []string{"network.ping"}, Lines: []string{"Redis PING: Should remain < 600ms globally."}},
			{ID: "metrics.hit-rate", Title: "hit rate above the limit, 60 % by default", Each: hitRate, Needs: []string{"network.ping"}, Lines: []string{"Hit Rate: Caching should achieve > 60% for frequent modules."}},
			{ID: "metrics.memory", Title: "data well below the plan's quota", Each: memory, Needs: []string{"network.ping"}, Lines: []string{lineQuota}},
			{ID: "metrics.fallback", Title: "no app is or was in mock mode", Once: watching(fallbackRate), Lines: []string{lineFallback}},
			{ID: "monitor.jobs", Title: "pongwatch's jobs run on time", Once: watching(monitorJobs), Lines: []string{lineDashboard}},
			{ID: "monitor.metrics", Title: "full statistics of every database", Once: watching(monitorMetrics), Lines: []string{lineMetrics}},
			{ID: "monitor.dashboard", Title: "the Redis Performance chart has live data", Once: watching(monitorDashboard), Lines: []string{lineChart, lineDashboard}},
			{ID: "alerting.receivers", Title: "a receiver is configured, and one that pages", Once: receivers, Lines: []string{lineAlerting}},
			{ID: "alerting.drill", Title: "every receiver takes a drill", Once: watching(drill), Needs: []string{"alerting.receivers"}, Lines: []string{lineAlerting}},
			{ID: "upstash.alerts", Title: "Upstash's own mails are on", Once: byHand("Upstash has no interface that tells", "In the Upstash console, open the account's settings, Notifications, and switch the e-mail alerts on."), Lines: []string{"Upstash Monitoring: Enable automated email alerts in the Upstash console."}},
			{ID: "docs.archived", Title: "this record is signed and kept", Once: byHand("a person signs", "Keep the record of this run (--markdown FILE), signed, with the runbook."), Lines: []string{"Documentation archived and ready."}},
		}},
	} {
		for _, i := range section.items {
			i.Section = section.name
			all = append(all, i)
		}
	}
	return all
}
