package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/internal/porttest"
)

// maxImage bounds the image, unpacked, in bytes: 30 MiB.
const maxImage = 30 << 20

// buildah runs Debian's buildah on images of the test's own.
type buildah struct {
	*testing.T
	root string
}

func (b buildah) run(args ...string) string {
	b.Helper()
	args = append([]string{"--root", filepath.Join(b.root, "storage"), "--runroot", filepath.Join(b.root, "run"), "--storage-driver", "vfs"}, args...)
	cmd := exec.CommandContext(b.Context(), "buildah", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("buildah %s: %v\n%s%s", strings.Join(args, " "), err, out, &stderr)
	}
	return strings.TrimSpace(string(out))
}

// builder makes an image for this machine's Go, because base images cannot be had everywhere.
// The rest of Go is mounted when the image is built, which is quicker than a copy.
func (b buildah) builder() string {
	b.Helper()
	c := b.run("from", "scratch")
	b.run("copy", "--quiet", c, filepath.Join(goEnv(b.T, "GOROOT"), "bin", "go"), "/usr/bin/")
	b.run("copy", "--quiet", c, "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/")
	b.run("config", "--env", "PATH=/usr/bin", "--env", "GOROOT=/usr/local/go", "--env", "GOTOOLCHAIN=local", "--env", "GOMODCACHE="+goEnv(b.T, "GOMODCACHE"), "--env", "GOCACHE="+goEnv(b.T, "GOCACHE"), c)
	b.run("commit", "--quiet", "--rm", c, "builder")
	return "localhost/builder"
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// The image of Containerfile runs the demonstration as a user that may write to its volume alone.
func TestTheImage(t *testing.T) {
	if os.Getenv("PONGWATCH_TEST_BUILDAH") != "1" {
		t.Skip("needs Debian's buildah, as root: PONGWATCH_TEST_BUILDAH=1 runs it")
	}
	b := buildah{t, t.TempDir()}
	modules, cache := goEnv(t, "GOMODCACHE"), goEnv(t, "GOCACHE")
	b.run("build", "--quiet", "--isolation", "chroot", "--format", "docker", "--build-arg", "BUILDER="+b.builder(),
		"--volume", goEnv(t, "GOROOT")+":/usr/local/go:ro,exec", "--volume", modules+":"+modules+":ro", "--volume", cache+":"+cache,
		"--tag", "pongwatch", "--file", "../../Containerfile", "../..")
	b.isConfigured()
	container := b.run("from", "pongwatch")
	rootfs := b.run("mount", container)
	t.Cleanup(func() { _ = exec.Command("umount", rootfs).Run() }) // vfs mounts nothing, as a rule

	var files []string
	var unpacked int64
	err := filepath.WalkDir(rootfs, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, strings.TrimPrefix(path, rootfs))
			unpacked += size(t, d)
		}
		return err
	})
	if want := []string{"/etc/ssl/certs/ca-certificates.crt", "/pongwatch"}; err != nil || !slices.Equal(files, want) {
		t.Errorf("the image holds %q, want %q: no shell, nothing else\n%v", files, want, err)
	}
	pull := b.pushed()
	t.Logf("%.1f MB to download, %.1f MiB on disk", float64(pull)/1e6, float64(unpacked)/(1<<20))
	if unpacked > maxImage {
		t.Errorf("the image has %d bytes unpacked, want at most %d", unpacked, maxImage)
	}
	b.starts(rootfs)
}

func size(t *testing.T, d fs.DirEntry) int64 {
	t.Helper()
	info, err := d.Info()
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// isConfigured reads what a runtime is told.
func (b buildah) isConfigured() {
	b.Helper()
	var image struct {
		Docker struct {
			Config struct {
				User            string
				Entrypoint, Cmd []string
				Volumes         map[string]struct{}
				Healthcheck     struct{ Test []string }
			} `json:"config"`
		}
	}
	if err := json.Unmarshal([]byte(b.run("inspect", "--type", "image", "pongwatch")), &image); err != nil {
		b.Fatal(err)
	}
	c := image.Docker.Config
	if c.User != "65532:65532" || !slices.Equal(c.Entrypoint, []string{"/pongwatch"}) || len(c.Volumes) != 1 || !slices.Equal(c.Healthcheck.Test, []string{"CMD", "/pongwatch", "health"}) {
		b.Errorf("the image's configuration is %+v", c)
	}
}

// pushed returns the size of the layers as a registry keeps them, compressed.
func (b buildah) pushed() (total int64) {
	b.Helper()
	dir := filepath.Join(b.root, "pushed")
	b.run("push", "--quiet", "pongwatch", "oci:"+dir)
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			total += size(b.T, d)
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return total
}

// starts runs it as a container's runtime does: nothing of this machine is there, and nothing
// but the volume is its user's.
func (b buildah) starts(rootfs string) {
	b.Helper()
	err := filepath.WalkDir(rootfs, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == rootfs+"/pongwatch" || path == rootfs+"/data" {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Sys().(*syscall.Stat_t).Uid != 0 && info.Mode().Perm()&0o200 != 0 { //nolint:forcetypeassert // Linux's
			b.Errorf("its user may write to %s", strings.TrimPrefix(path, rootfs))
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	inside := func(ctx context.Context, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "/pongwatch", args...)
		cmd.Dir, cmd.Env = "/", []string{"TMPDIR=/data"}
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Chroot: rootfs, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}, Setpgid: true, Pdeathsig: syscall.SIGKILL,
		}
		return cmd
	}
	address := "127.0.0.1:" + porttest.Free()
	var log lockedBuffer
	local := inside(context.Background(), "local", "--addr", address)
	local.Stdout, local.Stderr = &log, &log
	if err := local.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = local.Process.Kill()
		_ = local.Wait()
		if b.Failed() {
			b.Logf("output of pongwatch local in the image:\n%s", &log)
		}
	})
	eventually(b.T, 2*time.Minute, "its health check passes", func() bool {
		return inside(b.Context(), "health", "--url", "http://"+address).Run() == nil
	}, func(passes bool) bool { return passes })
	if got := health(b.T, "http://"+address); got != "connected" {
		b.Errorf("the demonstration's health is %q", got)
	}
}
