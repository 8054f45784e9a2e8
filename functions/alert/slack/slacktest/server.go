// Package slacktest is a Slack that runs in the process: chat.postMessage,
// chat.update and incoming webhooks over real HTTP. It refuses what
// Slack refuses (limits of Block Kit, unknown tokens, edits without rich text), can
// be told to fail in Slack's ways, and keeps what it was sent. The tests use it,
// and `pongwatch local` shows its messages in the inbox.
//
// What it does not imitate: membership of channels, rate limits of its own accord,
// rendering, and events. Sign signs a request as Slack does.
package slacktest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// token is the one bot token that a server accepts.
const token = "xoxb-000000000000-pongwatch-demonstration"

// Options configures a Server. The zero value serves.
type Options struct {
	// Now dates messages; nil is time.Now.
	Now func() time.Time
}

// Content is what a message shows.
type Content struct {
	// Text is what a phone shows.
	Text string `json:"text"`
	// Blocks is the message's Block Kit, as it was sent.
	Blocks json.RawMessage `json:"blocks,omitempty"`
	// At is when it was posted or edited.
	At time.Time `json:"at"`
}

// Message is one message of a channel or thread, as it stands now.
type Message struct {
	Channel string `json:"channel"`
	// TS identifies the message within its channel.
	TS string `json:"ts"`
	// ThreadTS is the TS of the thread's first message, empty outside threads.
	ThreadTS string `json:"thread_ts,omitempty"`
	// Broadcast says that a thread reply was also sent to the channel.
	Broadcast bool `json:"broadcast,omitempty"`
	// Via is "bot" or "webhook".
	Via string `json:"via"`
	Content
	// Edits holds what the message showed before each edit, the oldest first.
	Edits []Content `json:"edits,omitempty"`
}

// Request is one call that reached the server, refused ones included.
type Request struct {
	// Method is "chat.postMessage", "chat.update", "usergroups.users.list" or "webhook".
	Method string
	// Problem is Slack's error code and its reason, where the server refused the call.
	Problem string
}

// Server is the fake. Its methods may be called from any goroutine.
type Server struct {
	options  Options
	listener net.Listener
	http     *http.Server
	closing  chan struct{}
	served   chan struct{}
	once     sync.Once

	mu       sync.Mutex
	messages []Message
	requests []Request
	faults   []Fault
	onChange []func()
	groups   map[string][]string
	lastTS   int64
}

// New starts a server on an ephemeral port of 127.0.0.1.
func New(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the Slack fake: %w", err)
	}
	s := &Server{options: o, listener: l, closing: make(chan struct{}), served: make(chan struct{}), groups: map[string][]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/{method}", s.serveAPI)
	mux.HandleFunc("POST /services/{team}/{bot}/{secret}", s.serveWebhook)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	go func() {
		defer close(s.served)
		_ = s.http.Serve(l)
	}()
	return s, nil
}

// URL returns the server's address, such as "http://127.0.0.1:40123".
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// APIURL returns what a client of the Web API takes as its base, with the closing slash.
func (s *Server) APIURL() string { return s.URL() + "/api/" }

// Token returns the accepted bot token.
func (s *Server) Token() string { return token }

// WebhookURL returns an incoming webhook that posts to the channel of that name.
func (s *Server) WebhookURL(channel string) string {
	return s.URL() + "/services/T0PONGWATCH/" + "B" + ChannelID(channel)[1:] + "/demonstration"
}

// Close stops the server, ends hanging requests and waits for them.
func (s *Server) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closing)
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err = s.http.Shutdown(ctx); err != nil {
			err = errors.Join(err, s.http.Close())
		}
		<-s.served
	})
	return err
}

// OnChange registers f to be called after each message posted or edited, outside
// the server's lock. It must return quickly.
func (s *Server) OnChange(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onChange = append(s.onChange, f)
}

// Messages returns all messages in the order in which they were posted.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages) // the edits before the last are never written again
}

// Requests returns every call so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// SetGroup makes a user group of these users.
func (s *Server) SetGroup(group string, users ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups[group] = users
}

// Delete removes a message, as a person can.
func (s *Server) Delete(channel, ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = slices.DeleteFunc(s.messages, func(m Message) bool { return m.Channel == channel && m.TS == ts })
}

var channelID = regexp.MustCompile(`^[CGD][A-Z0-9]{6,}$`)

// ChannelID returns the id of the channel of that name: ids are returned as they are.
func ChannelID(name string) string {
	if channelID.MatchString(name) {
		return name
	}
	sum := sha256.Sum256([]byte(strings.TrimPrefix(name, "#")))
	return "C" + strings.ToUpper(hex.EncodeToString(sum[:5]))
}

// post keeps a new message and returns it.
func (s *Server) post(m Message) Message {
	s.mu.Lock()
	m.At = s.options.Now().UTC()
	micros := max(m.At.UnixMicro(), s.lastTS+1)
	s.lastTS = micros
	m.TS = fmt.Sprintf("%d.%06d", micros/1e6, micros%1e6)
	if m.ThreadTS != "" && !slices.ContainsFunc(s.messages, func(p Message) bool { return p.Channel == m.Channel && p.TS == m.ThreadTS }) {
		// Slack posts a reply to a deleted message into the channel.
		m.ThreadTS = ""
	}
	s.messages = append(s.messages, m)
	s.mu.Unlock()
	s.changed()
	return m
}

// update edits a message in place, or returns Slack's error code.
func (s *Server) update(channel, ts string, c Content) string {
	s.mu.Lock()
	i := slices.IndexFunc(s.messages, func(m Message) bool { return m.Channel == channel && m.TS == ts })
	if i < 0 {
		s.mu.Unlock()
		return "message_not_found"
	}
	m := &s.messages[i]
	if c.Blocks == nil { // Slack shows the blocks that are there, and answers ok
		c.Blocks = m.Blocks
	}
	if hasRichText(m.Blocks) && !hasRichText(c.Blocks) {
		s.mu.Unlock()
		return "block_mismatch"
	}
	c.At = s.options.Now().UTC()
	m.Edits = append(m.Edits, m.Content)
	m.Content = c
	s.mu.Unlock()
	s.changed()
	return ""
}

func (s *Server) changed() {
	s.mu.Lock()
	hooks := slices.Clone(s.onChange)
	s.mu.Unlock()
	for _, f := range hooks {
		f()
	}
}
