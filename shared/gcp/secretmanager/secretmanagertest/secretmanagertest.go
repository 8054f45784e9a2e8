// Package secretmanagertest is a Secret Manager in the process: a gRPC server on
// loopback that keeps versions, disables them and fails on request. Tests use it,
// and so does "pongwatch local" for its demonstration.
package secretmanagertest

import (
	"context"
	"fmt"
	"hash/crc32"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Server is the fake. Its methods may be called while it serves.
type Server struct {
	secretmanagerpb.UnimplementedSecretManagerServiceServer

	listener net.Listener
	server   *grpc.Server
	done     chan struct{}

	mu       sync.Mutex
	secrets  map[string][]version // by projects/P/secrets/S
	fault    func(name string) error
	corrupt  bool
	accesses map[string]int // by projects/P/secrets/S
}

type version struct {
	data     []byte
	added    time.Time
	disabled bool
}

// Start serves on a free port of 127.0.0.1 until Close.
func Start() (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the Secret Manager fake: %w", err)
	}
	s := &Server{
		listener: listener,
		server:   grpc.NewServer(),
		done:     make(chan struct{}),
		secrets:  map[string][]version{},
		accesses: map[string]int{},
	}
	secretmanagerpb.RegisterSecretManagerServiceServer(s.server, s)
	go func() {
		defer close(s.done)
		_ = s.server.Serve(listener) // ends with Close
	}()
	return s, nil
}

// Addr is where the fake listens, for secretmanager.EmulatorVariable.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close stops the fake.
func (s *Server) Close() {
	s.server.Stop()
	<-s.done
}

// AddVersion adds a version to the secret with the name projects/P/secrets/S,
// which it creates when it is new, and returns the version's number.
func (s *Server) AddVersion(name string, data []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets[name] = append(s.secrets[name], version{data: slices.Clone(data), added: time.Now()})
	return len(s.secrets[name])
}

// SetAdded sets when the newest version of the secret with the name projects/P/secrets/S was
// added.
func (s *Server) SetAdded(name string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	versions := s.secrets[name]
	versions[len(versions)-1].added = at
}

// Disable disables a version of the secret with the name projects/P/secrets/S.
func (s *Server) Disable(name string, number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets[name][number-1].disabled = true
}

// SetFault makes fault answer each access instead of the secrets, unless it
// returns nil; nil ends that. It may block, and should return a gRPC status.
func (s *Server) SetFault(fault func(name string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// SetCorrupt makes answers arrive with a wrong checksum.
func (s *Server) SetCorrupt(corrupt bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.corrupt = corrupt
}

// Accesses returns how often the secret with the name projects/P/secrets/S was
// asked for, faults included.
func (s *Server) Accesses(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accesses[name]
}

// AccessSecretVersion implements Secret Manager's method.
func (s *Server) AccessSecretVersion(_ context.Context, r *secretmanagerpb.AccessSecretVersionRequest) (*secretmanagerpb.AccessSecretVersionResponse, error) {
	name, _, _ := strings.Cut(r.GetName(), "/versions/")
	s.mu.Lock()
	s.accesses[name]++
	s.mu.Unlock()
	full, v, err := s.find(r.GetName())
	if err != nil {
		return nil, err
	}
	if v.disabled {
		return nil, status.Errorf(codes.FailedPrecondition, "Secret Version [%s] is in DISABLED state.", full)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := int64(crc32.Checksum(v.data, crc32.MakeTable(crc32.Castagnoli)))
	if s.corrupt {
		sum++
	}
	return &secretmanagerpb.AccessSecretVersionResponse{
		Name:    full,
		Payload: &secretmanagerpb.SecretPayload{Data: v.data, DataCrc32C: &sum},
	}, nil
}

// GetSecretVersion implements Secret Manager's method.
func (s *Server) GetSecretVersion(_ context.Context, r *secretmanagerpb.GetSecretVersionRequest) (*secretmanagerpb.SecretVersion, error) {
	full, v, err := s.find(r.GetName())
	if err != nil {
		return nil, err
	}
	return &secretmanagerpb.SecretVersion{Name: full, CreateTime: timestamppb.New(v.added), State: secretmanagerpb.SecretVersion_ENABLED}, nil
}

// find returns a version with its full name, or the fault in its place.
func (s *Server) find(asked string) (full string, v version, err error) {
	name, wanted, _ := strings.Cut(asked, "/versions/")
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	if fault != nil { // it may block
		if err := fault(asked); err != nil {
			return "", version{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// The real service answers with the project's number, and never repeats the id that it was asked by.
	numbered := name
	if parts := strings.SplitN(name, "/", 3); len(parts) == 3 {
		numbered = parts[0] + "/123456789012/" + parts[2]
	}
	versions, ok := s.secrets[name]
	if !ok {
		return "", version{}, status.Errorf(codes.NotFound, "Secret [%s] not found or has no versions.", numbered)
	}
	number, _ := strconv.Atoi(wanted)
	if wanted == "latest" {
		number = len(versions) // enabled or not
	}
	if number < 1 || number > len(versions) {
		return "", version{}, status.Errorf(codes.NotFound, "Secret Version [%s/versions/%s] not found.", numbered, wanted)
	}
	return fmt.Sprintf("%s/versions/%d", numbered, number), versions[number-1], nil
}
