// Package secretmanagertest is a Secret Manager in the process: a gRPC server on
// loopback that keeps versions, disables them and fails on request. Tests use it,
// and so does "pongwatch local" for its demonstration.
package secretmanagertest

import (
	"context"
	"errors"
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

// projectNumber stands for the project in answers: the real service never repeats
// the id that it was asked by.
const projectNumber = "123456789012"

// Server is the fake. Its methods may be called while it serves.
type Server struct {
	secretmanagerpb.UnimplementedSecretManagerServiceServer

	listener net.Listener
	server   *grpc.Server
	done     chan struct{}

	mu       sync.Mutex
	secrets  map[string]*secret // by projects/P/secrets/S
	fault    func(name string) error
	corrupt  bool
	accesses map[string]int // by projects/P/secrets/S
}

type secret struct {
	versions []version
	aliases  map[string]int
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
		secrets:  map[string]*secret{},
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
	kept, ok := s.secrets[name]
	if !ok {
		kept = &secret{aliases: map[string]int{}}
		s.secrets[name] = kept
	}
	kept.versions = append(kept.versions, version{data: slices.Clone(data), added: time.Now()})
	return len(kept.versions)
}

// SetAdded sets when the newest version of the secret with the name projects/P/secrets/S was
// added.
func (s *Server) SetAdded(name string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	versions := s.secrets[name].versions
	versions[len(versions)-1].added = at
}

// SetEnabled enables or disables a version of the secret with the name
// projects/P/secrets/S. It reports an unknown one as an error.
func (s *Server) SetEnabled(name string, number int, enabled bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, ok := s.secrets[name]
	if !ok || number < 1 || number > len(kept.versions) {
		return fmt.Errorf("%s has no version %d", name, number)
	}
	kept.versions[number-1].disabled = !enabled
	return nil
}

// SetAlias makes alias stand for a version's number.
func (s *Server) SetAlias(name, alias string, number int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, ok := s.secrets[name]
	if !ok {
		return errors.New("no secret " + name)
	}
	kept.aliases[alias] = number
	return nil
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
	name, wanted, _ := strings.Cut(r.GetName(), "/versions/")
	s.mu.Lock()
	s.accesses[name]++
	fault := s.fault
	s.mu.Unlock()
	if fault != nil {
		if err := fault(r.GetName()); err != nil {
			return nil, err
		}
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	kept, ok := s.secrets[name]
	if !ok {
		return nil, status.Errorf(codes.NotFound, "Secret [%s] not found or has no versions.", numbered(name))
	}
	number := kept.number(wanted)
	if number < 1 || number > len(kept.versions) {
		return nil, status.Errorf(codes.NotFound, "Secret Version [%s/versions/%s] not found.", numbered(name), wanted)
	}
	v := kept.versions[number-1]
	full := fmt.Sprintf("%s/versions/%d", numbered(name), number)
	if v.disabled {
		return nil, status.Errorf(codes.FailedPrecondition, "Secret Version [%s] is in DISABLED state.", full)
	}
	sum := int64(crc32.Checksum(v.data, crc32.MakeTable(crc32.Castagnoli)))
	if s.corrupt {
		sum++
	}
	return &secretmanagerpb.AccessSecretVersionResponse{
		Name:    full,
		Payload: &secretmanagerpb.SecretPayload{Data: slices.Clone(v.data), DataCrc32C: &sum},
	}, nil
}

// GetSecretVersion implements Secret Manager's method.
func (s *Server) GetSecretVersion(_ context.Context, r *secretmanagerpb.GetSecretVersionRequest) (*secretmanagerpb.SecretVersion, error) {
	name, wanted, _ := strings.Cut(r.GetName(), "/versions/")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		if err := s.fault(r.GetName()); err != nil {
			return nil, err
		}
	}
	kept, ok := s.secrets[name]
	if !ok || kept.number(wanted) < 1 || kept.number(wanted) > len(kept.versions) {
		return nil, status.Errorf(codes.NotFound, "Secret Version [%s/versions/%s] not found.", numbered(name), wanted)
	}
	number := kept.number(wanted)
	return &secretmanagerpb.SecretVersion{
		Name: fmt.Sprintf("%s/versions/%d", numbered(name), number), CreateTime: timestamppb.New(kept.versions[number-1].added), State: secretmanagerpb.SecretVersion_ENABLED,
	}, nil
}

// number resolves "latest", which is the newest version whether enabled or not, an
// alias or a number; 0 is none.
func (s *secret) number(wanted string) int {
	if wanted == "latest" {
		return len(s.versions)
	}
	if n, ok := s.aliases[wanted]; ok {
		return n
	}
	n, _ := strconv.Atoi(wanted)
	return n
}

// numbered replaces the project's id by its number.
func numbered(name string) string {
	parts := strings.SplitN(name, "/", 3)
	if len(parts) != 3 {
		return name
	}
	return parts[0] + "/" + projectNumber + "/" + parts[2]
}
