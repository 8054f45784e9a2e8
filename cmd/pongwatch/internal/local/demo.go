package local

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/inbox"
	"github.com/pongwatch/pongwatch/functions/alert/email/emailtest"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/shared/gcp/secretmanager/secretmanagertest"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/signature"
	"github.com/pongwatch/pongwatch/shared/store/boltstore"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// How often the demonstration checks. With the defaults a newcomer would wait minutes.
const (
	demoPing    = 5 * time.Second
	demoMetrics = 15 * time.Second
	demoTick    = 5 * time.Second
)

// The demonstration's names.
const (
	demoDatabase = "demo-cache"
	demoChannel  = "redis-alerts"
	demoSecrets  = "projects/demo/secrets/"
)

// modeMock is the one mode that is not a fault of the emulator: Redis failed for a moment,
// and the app has stayed in memory since.
const modeMock = "mock"

// modes are the choices of the page's buttons and /demo/break.
var modes = []inbox.Mode{
	{Name: "none", Label: "Healthy", Expect: "Nothing is broken, and the app was restarted. What was open resolves within about 15 seconds, mock mode within 45, in the same Slack message and mail thread."},
	{Name: "auth", Label: "Wrong token", Expect: "Upstash refuses the token (401). An alert follows within 15 seconds."},
	{Name: "quota", Label: "Quota used up", Expect: "The month's commands are used up: every command is refused, with status 200 or 400. An alert follows within 15 seconds."},
	{Name: "full", Label: "Full", Expect: "Reads work, writes are refused: PING is blind to it. The write canary, every 15 seconds here, finds it within a minute."},
	{Name: "readonly", Label: "Read-only token", Expect: "PING works, writes are refused. The write canary, every 15 seconds here, finds it within a minute."},
	{Name: "slow", Label: "Slow", Expect: "Every answer takes 1.2 seconds, twice the limit. A warning follows within a minute."},
	{Name: "hang", Label: "Hangs", Expect: "Connections are accepted and never answered. Each run tries three times, 16 seconds in all; an alert follows within a minute."},
	{Name: "refuse", Label: "Refuses", Expect: "Nothing listens on the port. An alert follows within half a minute."},
	{Name: "5xx", Label: "Server errors", Expect: "A gateway answers 502 with an HTML page. An alert follows within half a minute."},
	{Name: modeMock, Label: "Mock mode", Expect: "Redis failed for a moment. It is back, but the app has stayed on its in-memory copy, and its health page says connected. The proof, every 15 seconds here, finds the lie: an alert follows within half a minute."},
}

// demo is what stands in for the services outside.
type demo struct {
	redis   *upstashtest.Server
	secrets *secretmanagertest.Server
	slack   *slacktest.Server
	mail    *emailtest.Server
	app     *demoApp

	memory  *memory
	earlier inbox.Inbox // what an earlier process received

	mu   sync.Mutex
	mode string
}

func startDemo() (_ *demo, err error) {
	d := &demo{mode: "none"}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if d.redis, err = upstashtest.New(upstashtest.Options{TLS: true}); err != nil {
		return nil, fmt.Errorf("starting the demonstration's Redis: %w", err)
	}
	if d.secrets, err = secretmanagertest.Start(); err != nil {
		return nil, fmt.Errorf("starting the demonstration's Secret Manager: %w", err)
	}
	if d.slack, err = slacktest.New(slacktest.Options{}); err != nil {
		return nil, fmt.Errorf("starting the demonstration's Slack: %w", err)
	}
	if d.mail, err = emailtest.New(emailtest.Options{}); err != nil {
		return nil, fmt.Errorf("starting the demonstration's mail server: %w", err)
	}
	d.use(d.mode)
	proofKey := make([]byte, 32)
	_, _ = rand.Read(proofKey) // it never fails
	proof := "whsec_" + base64.StdEncoding.EncodeToString(proofKey)
	key, err := signature.ParseKey(proof)
	if err != nil {
		return nil, fmt.Errorf("making the demonstration's key: %w", err)
	}
	d.app = newDemoApp(d.redis.URL(), d.redis.Token(), d.redis.CA(), key)
	for name, value := range map[string]string{
		"redis-token": d.redis.Token(), "slack-token": d.slack.Token(), "smtp-password": d.mail.Password(),
		"upstash-email": d.redis.Email(), "upstash-api-key": d.redis.APIKey(),
		"link-key":  rand.Text(), // signs the links in messages
		"proof-key": proof,
	} {
		d.secrets.AddVersion(demoSecrets+name, []byte(value))
	}
	return d, nil
}

// close ends what was started. What cannot be closed ends with the process.
func (d *demo) close() {
	if d.slack != nil {
		_ = d.slack.Close()
	}
	if d.mail != nil {
		_ = d.mail.Close()
	}
	if d.secrets != nil {
		d.secrets.Close()
	}
	if d.redis != nil {
		d.redis.Close()
	}
}

// document returns the demonstration's configuration. Its addresses are this process's, of
// which base is one; its secrets are references.
func (d *demo) document(base string) string {
	return fmt.Sprintf(`version: 1
environment: demonstration
regions: %[1]s
schedule: {healthcheck: %[2]v, metrics: %[3]v}
databases:
  - name: %[4]s
    url: %[5]s
    token: sm://%[6]sredis-token
    app: {service: %[15]s, health_url: "%[7]s", proof: true, proof_every: %[3]v}
    database_id: %[13]s
    plan: free
    budget: {override: true}
management:
  url: %[14]s
  email: sm://%[6]supstash-email
  api_key: sm://%[6]supstash-api-key
checks:
  ping: {every: %[2]v}
  latency: {every: %[2]v}
  mock_mode: {every: %[2]v}
  write: {every: %[3]v}
  memory: {every: %[3]v}
  commands: {every: %[3]v}
  hit_rate: {every: %[3]v}
  eviction: {every: %[3]v}
receivers:
  - name: slack-oncall
    pages: true
    slack:
      bot_token: sm://%[6]sslack-token
      channel: %[8]s
      api_url: %[9]s
  - name: email-oncall
    email:
      host: %[10]s
      port: %[11]d
      tls: starttls
      username: %[12]s
      password: sm://%[6]ssmtp-password
      from: pongwatch <pongwatch@example.com>
      to: [oncall@example.com]
inbound:
  link_keys: sm://%[6]slink-key
proof_key: sm://%[6]sproof-key
alerting:
  # People press several buttons in a row, and each must open an incident of its own.
  reopen_within: 0s
  unstable: {reopenings: 0}
  flapping: {enabled: false}
  canary: {enabled: false}
`, region, demoPing, demoMetrics, demoDatabase, d.redis.URL(), demoSecrets, base+demoAppPath,
		slacktest.ChannelID(demoChannel), d.slack.APIURL(), d.mail.Host(), d.mail.Port(), d.mail.Username(),
		d.redis.DatabaseID(), d.redis.ManagementURL(), demoService)
}

// received returns what on-call would have received.
func (d *demo) received() inbox.Inbox {
	now := received(d.slack.Messages(), d.mail.Mails())
	return inbox.Inbox{Slack: slices.Concat(d.earlier.Slack, now.Slack), Mail: slices.Concat(d.earlier.Mail, now.Mail)}
}

// remember continues where the process before ended, and saves what happens from now on
// in the file at path. Without a path it does neither.
func (d *demo) remember(path string, logger *slog.Logger) (*boltstore.Damage, error) {
	m, damage, err := recall(path, time.Now())
	if err != nil {
		return nil, err
	}
	d.memory, d.earlier = m, m.saved.Inbox
	if mode := m.saved.Mode; mode != "" {
		if err := d.setMode(mode); err != nil {
			return nil, fmt.Errorf("breaking the demonstration as before: %w", err)
		}
	}
	keep := func() {
		if err := m.save(func(s *saved) { s.Inbox = d.received() }); err != nil {
			logger.Error("inbox not saved", "error", err)
		}
	}
	d.slack.OnChange(keep)
	d.mail.OnChange(keep)
	return damage, nil
}

// announce also prints what is received from now on.
func (d *demo) announce(out io.Writer) {
	a := newAnnouncer(out)
	d.slack.OnChange(func() { a.slack(d.slack.Messages()) })
	d.mail.OnChange(func() { a.mail(d.mail.Mails()) })
}

func (d *demo) current() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mode
}

// setMode breaks the demonstration in this way only.
func (d *demo) setMode(mode string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	fault := upstashtest.Fault{Mode: upstashtest.Mode(mode)}
	if mode == modeMock {
		if err := d.redis.Break(upstashtest.Fault{Mode: upstashtest.ServerError}); err != nil {
			return err
		}
		d.app.ping(context.Background())
		fault.Mode = upstashtest.None
	}
	if err := d.redis.Break(fault); err != nil {
		return err
	}
	d.use(mode)
	if fault.Mode == upstashtest.None && mode != modeMock {
		d.app.restart()
	}
	d.mode = mode
	return d.memory.save(func(s *saved) { s.Mode = mode })
}

// What the demonstration's plan allows, and what is used of it while nothing is broken.
const (
	planCommands, usedCommands = 500_000, 183_000
	usedBytes                  = 93 << 20 // of 256 MB
)

// use sets the month's commands as the mode has them. How full the database is stays the
// same, because a second alert would come before the write canary finds the refusal.
func (d *demo) use(mode string) {
	commands := usedCommands
	if upstashtest.Mode(mode) == upstashtest.QuotaMonthly {
		commands = planCommands
	}
	d.redis.SetMonthlyCommands(int64(commands))
	d.redis.SetInfo("total_data_size", strconv.Itoa(usedBytes))
}

// breakHandler serves POST /demo/break?mode=MODE: JSON for curl, the inbox for a form.
func (d *demo) breakHandler(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("mode")
	at := slices.IndexFunc(modes, func(m inbox.Mode) bool { return m.Name == name })
	if at < 0 {
		http.Error(w, fmt.Sprintf("there is no mode %.40q; want one of %s", name, strings.Join(modeNames(), ", ")), http.StatusBadRequest)
		return
	}
	if err := d.setMode(name); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/inbox", http.StatusSeeOther)
		return
	}
	job.WriteJSON(w, http.StatusOK, modes[at])
}

func modeNames() []string {
	names := make([]string, len(modes))
	for i, m := range modes {
		names[i] = m.Name
	}
	return names
}

// DemonstrationPath is where the demonstration serves what it watches, and how, for other
// commands of this machine.
const DemonstrationPath = "/demo/configuration"

// Demonstration is the answer at [DemonstrationPath]. It holds no secret: the document
// refers to the demonstration's own Secret Manager.
type Demonstration struct {
	// Document is the configuration in force.
	Document string `json:"document"`
	// SecretManager is the address at which references are read.
	SecretManager string `json:"secret_manager"`
	// Authority signed the emulated Redis' certificate, PEM.
	Authority string `json:"authority"`
}

func (d *demo) configurationHandler(base string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		job.WriteJSON(w, http.StatusOK, Demonstration{
			Document: d.document(base), SecretManager: d.secrets.Addr(), Authority: string(d.redis.CAPEM()),
		})
	}
}
