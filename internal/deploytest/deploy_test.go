package deploytest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	cloudrun "google.golang.org/api/run/v1"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/version"
)

func TestTheCloudRunServiceHasOnlyKeysThatCloudRunKnows(t *testing.T) {
	asJSON, err := yaml.YAMLToJSON([]byte(read(t, "deploy/cloud-run.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(asJSON))
	d.DisallowUnknownFields()
	var s cloudrun.Service
	if err := d.Decode(&s); err != nil {
		t.Fatal(err)
	}
	if a := s.Spec.Template.Metadata.Annotations; a["autoscaling.knative.dev/minScale"] != "1" || a["autoscaling.knative.dev/maxScale"] != "1" || a["run.googleapis.com/cpu-throttling"] != "false" {
		t.Errorf("annotations %v: want one instance, always with CPU", a)
	}
	if s.Metadata.Annotations["run.googleapis.com/invoker-iam-disabled"] != "true" {
		t.Error("IAM would refuse readers, who send their token in its header")
	}
	c := s.Spec.Template.Spec.Containers[0]
	if !strings.HasSuffix(c.Image, ":"+version.Release) {
		t.Errorf("it runs %s, and this is %s", c.Image, version.Release)
	}
	// Secrets are references: a document with one in plain text would have a problem.
	var document string
	for _, e := range c.Env {
		if e.Name == config.EnvConfig {
			document = e.Value
		}
	}
	cfg, problems := config.Parse(false, config.Document{Name: config.EnvConfig, Text: []byte(document)})
	if len(problems) > 0 || cfg.Access.Dashboard != config.AccessToken {
		t.Errorf("its configuration has problems, or its pages are closed: %v", problems)
	}
}

func TestTheComposeFileRunsItReadOnlyWithOneVolume(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Command      []string
			Ports        []string
			Network      string `yaml:"network_mode"`
			Volumes      []string
			ReadOnly     bool     `yaml:"read_only"`
			Capabilities []string `yaml:"cap_drop"`
			Security     []string `yaml:"security_opt"`
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(read(t, "deploy/compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	s := file.Services["pongwatch"]
	if !s.ReadOnly || !slices.Equal(s.Volumes, []string{"state:/data"}) || len(file.Volumes) != 1 {
		t.Errorf("read-only %v with %v, want one volume", s.ReadOnly, s.Volumes)
	}
	if !slices.Equal(s.Capabilities, []string{"ALL"}) || !slices.Contains(s.Security, "no-new-privileges:true") {
		t.Errorf("it keeps privileges: %v, %v", s.Capabilities, s.Security)
	}
	if len(s.Ports) > 0 || s.Network != "host" || !slices.Equal(s.Command, []string{"local", "--data", "/data/state"}) {
		t.Errorf("%v on %s with ports %v: want this machine alone", s.Command, s.Network, s.Ports)
	}
}

func TestSecretsOfACheckoutAreNeitherCommittedNorUploaded(t *testing.T) {
	for _, ignored := range []string{".gitignore", ".gcloudignore", ".containerignore"} {
		lines := strings.Split(strings.ReplaceAll(read(t, ignored), "**/", ""), "\n")
		for _, file := range []string{"pongwatch-secrets.*", "deploy/pongwatch.env", "*.tfvars", "*.tfstate"} {
			if !slices.Contains(lines, file) && !slices.Contains(lines, "/"+file) {
				t.Errorf("%s does not name %s", ignored, file)
			}
		}
	}
}
