// Package secretmanager reads secrets from Google Secret Manager. It is the
// secrets.Source of the deployed functions, and of "pongwatch local" through the
// fake in secretmanagertest.
package secretmanager

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	sm "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pongwatch/pongwatch/shared/gcp/internal/client"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/text"
)

// EmulatorVariable is the environment variable that points at a server which
// speaks Secret Manager's gRPC on loopback, such as "127.0.0.1:8086". Google's
// library knows no such variable.
const EmulatorVariable = "PONGWATCH_SECRETMANAGER_EMULATOR_HOST"

// timeout bounds one Access with its repetitions. The library's own default is a
// minute, longer than any function runs.
const timeout = 5 * time.Second

// Source reads secret versions. It is safe for concurrent use.
type Source struct {
	client *sm.Client
}

// New returns a source with the process's Google credentials or, if emulatorHost
// is not empty, for the emulator there. It looks for credentials but does not
// connect yet.
func New(ctx context.Context, emulatorHost string) (*Source, error) {
	options, err := client.Options(EmulatorVariable, emulatorHost)
	if err != nil {
		return nil, err
	}
	reader, err := sm.NewClient(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("making the Secret Manager client: %w", err)
	}
	reader.CallOptions.AccessSecretVersion = client.Retry(codes.Unavailable, codes.ResourceExhausted, codes.Internal)
	return &Source{client: reader}, nil
}

// Close ends the source's connections.
func (s *Source) Close() error { return s.client.Close() }

// Access is a [secrets.Source].
func (s *Source) Access(ctx context.Context, name string) (secrets.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer, err := s.client.AccessSecretVersion(ctx, &secretmanagerpb.AccessSecretVersionRequest{Name: name})
	if err != nil {
		return secrets.Secret{}, classify(err, "roles/secretmanager.secretAccessor")
	}
	payload := answer.GetPayload()
	// A server may leave the checksum out; Secret Manager always sends it.
	if sum := payload.DataCrc32C; sum != nil && *sum != int64(crc32.Checksum(payload.GetData(), crc32.MakeTable(crc32.Castagnoli))) {
		return secrets.Secret{}, secrets.ErrCorrupt
	}
	// The answer's name has the number of the version, and of the project.
	_, version, ok := strings.Cut(answer.GetName(), "/versions/")
	if !ok {
		return secrets.Secret{}, fmt.Errorf("%w: the answer names no version", secrets.ErrCorrupt)
	}
	return secrets.Secret{Data: payload.GetData(), Version: version}, nil
}

// Newest returns the number of a secret's newest version, and when it was added. It reads no
// content, for which roles/secretmanager.viewer is enough. secret is projects/P/secrets/S.
func (s *Source) Newest(ctx context.Context, secret string) (version string, added time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer, err := s.client.GetSecretVersion(ctx, &secretmanagerpb.GetSecretVersionRequest{Name: secret + "/versions/latest"})
	if err != nil {
		return "", time.Time{}, classify(err, "roles/secretmanager.viewer")
	}
	_, version, _ = strings.Cut(answer.GetName(), "/versions/")
	return version, answer.GetCreateTime().AsTime(), nil
}

// classify keeps the reason and adds what to do about it. The server's text names
// resources and permissions, never content.
func classify(err error, role string) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %w", secrets.ErrUnavailable, outbound.Error(err)) // while waiting to try again
	}
	s := status.Convert(err)
	said := text.Clip(outbound.Redact(s.Message()), 300)
	switch s.Code() {
	case codes.PermissionDenied:
		return fmt.Errorf("%w: grant %s on it to this function's service account: %s", secrets.ErrDenied, role, said)
	case codes.Unauthenticated:
		return fmt.Errorf("%w: the credentials were not accepted: %s", secrets.ErrDenied, said)
	case codes.NotFound:
		return fmt.Errorf("%w: %s", secrets.ErrNotFound, said)
	case codes.FailedPrecondition:
		return fmt.Errorf("%w: enable it or add a version (\"latest\" is the newest one, enabled or not): %s", secrets.ErrDisabled, said)
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Internal, codes.Aborted, codes.Canceled:
		return fmt.Errorf("%w: %s: %s", secrets.ErrUnavailable, s.Code(), said)
	default:
		return fmt.Errorf("unexpected answer %s from Secret Manager: %s", s.Code(), said)
	}
}
