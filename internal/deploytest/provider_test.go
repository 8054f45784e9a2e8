package deploytest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

// providers are the providers of Terraform's tests, started once for all of them. Google's knows over a thousand
// resources, and every Terraform asks it for all of them: seconds of CPU, some hundred times. A Terraform that
// TF_REATTACH_PROVIDERS points here asks the same provider about the resources that terraform/ names, and no others.
type providers struct {
	reattach string // for TF_REATTACH_PROVIDERS
	stop     func()
}

// shared are the providers, from the first root that was initialised.
var shared struct {
	once sync.Once
	providers
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.stop != nil {
		shared.stop()
	}
	os.Exit(code)
}

// reattached gives the providers to a Terraform whose data directory is given.
func reattached(t *testing.T, data string) string {
	t.Helper()
	shared.once.Do(func() { shared.providers, shared.err = startProviders(data) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.reattach
}

func startProviders(data string) (providers, error) {
	dir, err := os.MkdirTemp("", "pongwatch-providers-")
	if err != nil {
		return providers{}, err
	}
	stops := []func(){func() { _ = os.RemoveAll(dir) }}
	p := providers{stop: func() {
		for _, stop := range stops {
			stop()
		}
	}}
	used, err := usedTypes()
	if err != nil {
		return p, err
	}
	// .terraform/providers/HOST/NAMESPACE/TYPE/VERSION/PLATFORM/terraform-provider-…
	binaries, err := filepath.Glob(filepath.Join(data, "providers", "*", "*", "*", "*", "*", "terraform-provider-*"))
	if err != nil || len(binaries) == 0 {
		return p, fmt.Errorf("no provider is installed in %s: %w", data, err)
	}
	addresses := map[string]any{}
	for _, binary := range binaries {
		parts := strings.Split(filepath.ToSlash(binary), "/")
		address := strings.Join(parts[len(parts)-6:len(parts)-3], "/")
		socket := filepath.Join(dir, parts[len(parts)-4])
		pid, version, stop, err := startProvider(binary, socket, used)
		if err != nil {
			return p, fmt.Errorf("starting provider %s: %w", address, err)
		}
		stops = append(stops, stop)
		addresses[address] = map[string]any{
			"Protocol": "grpc", "ProtocolVersion": version, "Pid": pid, "Test": true,
			"Addr": map[string]string{"Network": "unix", "String": socket},
		}
	}
	text, err := json.Marshal(addresses)
	p.reattach = string(text)
	return p, err
}

// usedTypes are the types of resources and data that terraform/ names.
func usedTypes() (map[string]bool, error) {
	used := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^(?:resource|data|ephemeral) "(\w+)"`)
	return used, filepath.WalkDir(filepath.Join(repository, "terraform"), func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(file) != ".tf" {
			return err
		}
		text, err := os.ReadFile(file)
		for _, match := range declared.FindAllSubmatch(text, -1) {
			used[string(match[1])] = true
		}
		return err
	})
}

// startProvider starts a provider and serves it, narrowed, on a socket.
func startProvider(binary, socket string, used map[string]bool) (pid, version int, stop func(), err error) {
	cmd := exec.Command(binary)
	// What go-plugin asks of a program that starts a plugin of Terraform
	// (https://github.com/hashicorp/terraform/blob/main/internal/plugin/serve.go).
	cmd.Env = append(os.Environ(), "TF_PLUGIN_MAGIC_COOKIE=d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2", "PLUGIN_PROTOCOL_VERSIONS=5,6")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, nil, err
	}
	if err := cmd.Start(); err != nil {
		return 0, 0, nil, err
	}
	kill := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); _ = cmd.Wait() }
	line, err := bufio.NewReader(stdout).ReadString('\n')
	fields := strings.Split(strings.TrimSpace(line), "|") // 1|5|unix|/tmp/plugin123|grpc|
	if err != nil || len(fields) < 5 || fields[2] != "unix" || fields[4] != "grpc" {
		kill()
		return 0, 0, nil, fmt.Errorf("the provider said %q: %w", line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	if _, err := fmt.Sscan(fields[1], &version); err != nil {
		kill()
		return 0, 0, nil, err
	}
	behind, err := grpc.NewClient("unix:"+fields[3], grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(asIs{}), grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		kill()
		return 0, 0, nil, err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		kill()
		return 0, 0, nil, err
	}
	n := &narrowed{behind: behind, used: used}
	server := grpc.NewServer(grpc.ForceServerCodec(asIs{}), grpc.UnknownServiceHandler(n.serve))
	go func() { _ = server.Serve(listener) }()
	return cmd.Process.Pid, version, func() { server.Stop(); _ = behind.Close(); kill() }, nil
}

// narrowed passes calls on to a provider, and its schema back without what is not used.
type narrowed struct {
	behind *grpc.ClientConn
	used   map[string]bool

	mu     sync.Mutex
	schema []byte
}

func (n *narrowed) serve(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	ctx := stream.Context()
	switch {
	case strings.HasPrefix(method, "/plugin.GRPCStdio/"):
		return status.Error(codes.Unimplemented, "this provider prints nothing")
	case strings.HasPrefix(method, "/plugin.GRPCBroker/"):
		<-ctx.Done() // no call ever comes back
		return nil
	case strings.HasPrefix(method, "/plugin.GRPCController/"):
		return stream.SendMsg(&raw{}) // one Terraform ends, and the provider stays for the next
	}
	var request, response raw
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	if strings.HasSuffix(method, ".Provider/GetSchema") || strings.HasSuffix(method, ".Provider/GetProviderSchema") {
		schema, err := n.narrow(ctx, method, request)
		if err != nil {
			return err
		}
		return stream.SendMsg(&raw{schema})
	}
	if err := n.behind.Invoke(ctx, method, &request, &response); err != nil {
		return err
	}
	return stream.SendMsg(&response)
}

// narrow leaves out the entries of the maps of types, which are all the length-delimited fields of the
// response that begin with a name
// (https://github.com/hashicorp/terraform/blob/main/docs/plugin-protocol, GetProviderSchema.Response).
func (n *narrowed) narrow(ctx context.Context, method string, request raw) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.schema != nil {
		return n.schema, nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var whole raw
	if err := n.behind.Invoke(ctx, method, &request, &whole); err != nil {
		return nil, err
	}
	const resources, data, capabilities, ephemerals = 2, 3, 6, 8
	var kept []byte
	for rest := whole.bytes; len(rest) > 0; {
		number, kind, tag := protowire.ConsumeTag(rest)
		size := protowire.ConsumeFieldValue(number, kind, rest[max(tag, 0):])
		if tag < 0 || size < 0 {
			return nil, errors.New("the provider's schema cannot be read")
		}
		field := rest[:tag+size]
		rest = rest[tag+size:]
		if number == resources || number == data || number == ephemerals {
			entry, _ := protowire.ConsumeBytes(field[tag:])
			if !n.used[keyOf(entry)] {
				continue
			}
		}
		kept = append(kept, field...)
	}
	// A Terraform need not ask twice: get_provider_schema_optional.
	optional := protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 1)
	n.schema = protowire.AppendBytes(protowire.AppendTag(kept, capabilities, protowire.BytesType), optional)
	return n.schema, nil
}

// keyOf is the key of an entry of a map.
func keyOf(entry []byte) string {
	for len(entry) > 0 {
		number, kind, tag := protowire.ConsumeTag(entry)
		size := protowire.ConsumeFieldValue(number, kind, entry[max(tag, 0):])
		if tag < 0 || size < 0 {
			return ""
		}
		if number == 1 && kind == protowire.BytesType {
			key, _ := protowire.ConsumeBytes(entry[tag:])
			return string(key)
		}
		entry = entry[tag+size:]
	}
	return ""
}

// raw is a message of gRPC's that is not decoded.
type raw struct{ bytes []byte }

// asIs is the codec of messages that are not decoded.
type asIs struct{}

func (asIs) Marshal(v any) ([]byte, error) { return v.(*raw).bytes, nil }

func (asIs) Unmarshal(data []byte, v any) error {
	v.(*raw).bytes = append([]byte(nil), data...)
	return nil
}

func (asIs) Name() string { return "proto" }
