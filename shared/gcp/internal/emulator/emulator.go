// Package emulator points Google Cloud clients at an emulator on this machine.
package emulator

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// ClientOptions returns the options of a client: for the emulator at host or, if host is empty,
// for Google. The client has no logger, because at debug level, which an environment variable
// sets, that prints whole messages, and these may hold secrets.
func ClientOptions(variable, host string) ([]option.ClientOption, error) {
	quiet := []option.ClientOption{option.WithTelemetryDisabled(), option.WithLogger(slog.New(slog.DiscardHandler))}
	if host == "" {
		return quiet, nil
	}
	local, err := Options(variable, host)
	return append(quiet, local...), err
}

// Options returns the client options for the emulator at host, which is what the
// environment variable of that name holds. Only loopback is accepted: connections
// are neither encrypted nor authenticated, and a deployed function whose
// environment could be pointed elsewhere would hand over its data.
func Options(variable, host string) ([]option.ClientOption, error) {
	if err := Check(variable, host); err != nil {
		return nil, err
	}
	return []option.ClientOption{
		option.WithEndpoint(host),
		option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
		option.WithGRPCDialOption(grpc.WithPerRPCCredentials(owner{})),
	}, nil
}

// Check refuses a host that is not this machine, as [Options] does.
func Check(variable, host string) error {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return fmt.Errorf("%s is %q: want a host and a port, such as 127.0.0.1:8085", variable, host)
	}
	if ip, err := netip.ParseAddr(name); name != "localhost" && (err != nil || !ip.IsLoopback()) {
		return fmt.Errorf("%s is %q: only an emulator on this machine is allowed, such as 127.0.0.1:8085", variable, host)
	}
	return nil
}

// owner is the administrator of Google's emulators: Firestore's asks its rules for
// everybody else.
type owner struct{}

func (owner) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer owner"}, nil
}

func (owner) RequireTransportSecurity() bool { return false }
