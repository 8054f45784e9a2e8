// Package pubsub publishes messages to Google Pub/Sub.
//
// It uses the generated publisher client and not the high-level one: a function
// publishes one message a run and waits for it, so batching has nothing to gather,
// and the high-level client's dependencies cost a quarter of the cold start.
package pubsub

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	vkit "cloud.google.com/go/pubsub/v2/apiv1"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pongwatch/pongwatch/shared/gcp/internal/client"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
)

// EmulatorVariable is the environment variable that points Google's libraries at
// the Pub/Sub emulator. Here it must be on loopback.
const EmulatorVariable = "PUBSUB_EMULATOR_HOST"

// timeout bounds one Publish with its repetitions.
const timeout = 5 * time.Second

// Client is a connection to Pub/Sub, shared by topics.
type Client struct {
	publisher *vkit.TopicAdminClient
}

// New returns a client with the process's Google credentials or, if emulatorHost
// is not empty, for the emulator there. It looks for credentials but does not
// connect yet.
func New(ctx context.Context, emulatorHost string) (*Client, error) {
	if emulatorHost == "" {
		emulatorHost = os.Getenv(EmulatorVariable) // the library obeys it anyway, whatever it says
	}
	options, err := client.Options(EmulatorVariable, emulatorHost)
	if err != nil {
		return nil, err
	}
	publisher, err := vkit.NewTopicAdminClient(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("making the Pub/Sub client: %w", err)
	}
	publisher.CallOptions.Publish = client.Retry(codes.Unavailable, codes.Aborted, codes.Internal, codes.ResourceExhausted)
	return &Client{publisher: publisher}, nil
}

// Close ends the client's connections.
func (c *Client) Close() error { return c.publisher.Close() }

// Topic returns the topic with the name projects/P/topics/T. It does not ask
// whether there is one.
func (c *Client) Topic(name string) (*Topic, error) {
	parts := strings.Split(name, "/") // https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names
	if len(parts) != 4 || parts[0] != "projects" || parts[1] == "" || parts[2] != "topics" || len(parts[3]) < 3 || len(parts[3]) > 255 {
		return nil, fmt.Errorf("topic %q: want projects/PROJECT/topics/TOPIC, such as \"projects/my-project/topics/pongwatch-reports\"", name)
	}
	return &Topic{client: c, name: name}, nil
}

// Topic publishes to one topic. It is safe for concurrent use.
type Topic struct {
	client *Client
	name   string
}

var _ report.Publisher = (*Topic)(nil)

// Publish implements [report.Publisher]: when it returns nil, Pub/Sub has stored
// the message. After an error it may have been stored all the same, and a
// repetition inside may have stored it twice. A message above
// [report.MaxPublished] is refused with [report.ErrTooLarge].
func (t *Topic) Publish(ctx context.Context, m report.Message) error {
	if n := len(m.Data); n > report.MaxPublished {
		return fmt.Errorf("publishing to %s: %w: %d bytes, at most %d are sent", t.name, report.ErrTooLarge, n, report.MaxPublished)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err := t.client.publisher.Publish(ctx, &pubsubpb.PublishRequest{
		Topic:    t.name,
		Messages: []*pubsubpb.PubsubMessage{{Data: m.Data, Attributes: m.Attributes}},
	})
	if err != nil {
		return fmt.Errorf("publishing to %s: %w%s", t.name, outbound.Error(err), hint(err))
	}
	return nil
}

// hint says what to do about the mistakes of a first deployment.
func hint(err error) string {
	switch status.Code(err) {
	case codes.PermissionDenied:
		return " (grant roles/pubsub.publisher on the topic to this function's service account)"
	case codes.NotFound:
		return " (no such topic: is its name and project right?)"
	default:
		return ""
	}
}
