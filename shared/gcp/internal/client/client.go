// Package client holds what the clients of Google's services have in common: how they are pointed at an
// emulator on this machine, and when they repeat a call.
package client

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/pongwatch/pongwatch/shared/outbound"
)

// Options returns the options of a client: for the emulator at host, which is what the environment
// variable of that name holds, or for Google if host is empty. The client has no logger, because at debug
// level, which an environment variable sets, that prints whole messages, and these may hold secrets.
func Options(variable, host string) ([]option.ClientOption, error) {
	options := []option.ClientOption{option.WithTelemetryDisabled(), option.WithLogger(slog.New(slog.DiscardHandler))}
	if host == "" {
		return options, nil
	}
	if err := CheckEmulator(variable, host); err != nil {
		return nil, err
	}
	return append(options,
		option.WithEndpoint(host),
		option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
		option.WithGRPCDialOption(grpc.WithPerRPCCredentials(owner{})),
	), nil
}

// CheckEmulator refuses a host that is not this machine. Connections are neither encrypted nor authenticated,
// and a deployed function whose environment could be pointed elsewhere would hand over its data.
func CheckEmulator(variable, host string) error {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return fmt.Errorf("%s is %q: want a host and a port, such as 127.0.0.1:8085", variable, host)
	}
	if !outbound.IsLoopback(name) {
		return fmt.Errorf("%s is %q: only an emulator on this machine is allowed, such as 127.0.0.1:8085", variable, host)
	}
	return nil
}

// Retry repeats a call that failed by one of the codes, soon, because Google's own defaults wait up to 2 s.
func Retry(on ...codes.Code) []gax.CallOption {
	return []gax.CallOption{gax.WithRetry(func() gax.Retryer {
		return gax.OnCodes(on, gax.Backoff{Initial: 50 * time.Millisecond, Max: time.Second, Multiplier: 2})
	})}
}

// owner is the administrator of Google's emulators: Firestore's asks its rules for
// everybody else.
type owner struct{}

func (owner) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer owner"}, nil
}

func (owner) RequireTransportSecurity() bool { return false }
