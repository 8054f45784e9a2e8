package deploytest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mutant is a copy of the Terraform in which one thing is missing or another's.
type mutant struct {
	name, file, suite     string
	original, replacement string // the latter is empty where it is missing
	result                string // the file's text
}

// mutation finds what to take away in a file. The first group of within, where given, is the part in which
// what looks; the first group of what, where it has one, is replaced.
type mutation struct {
	title, file, within, what, replacement string
	suite                                  string // the one that is likely to notice, where it is not the first
}

var mutations = []mutation{
	{title: "environment variable", file: "functions.tf", within: `(?s)\n  environment = \{\n(.*?)\n  \}\n`, what: `(?m)^ +(?:GOOGLE_CLOUD|PONGWATCH)_\w+ += .*\n`},
	{title: "publisher", file: "functions.tf", what: `publishes = \[((?:"\w+"(?:, )?)+)\]`},
	{title: "documents", file: "functions.tf", what: `documents = (true)`, replacement: "false"},
	{title: "secret grant", file: "secrets.tf", within: `(?s)\n  readable = \{\n(.*?)\n  \}\n`, what: `(\w+ += (?:local|var)\.[\w.]+(?:, )?|link_keys = try\([^)]*\)(?:, )?)`},
	{title: "secret grant's role", file: "secrets.tf", what: `"(roles/[\w.]+)"`, replacement: "roles/viewer"},
	{title: "secret grant's member", file: "secrets.tf", what: `(?m)^  member += (.*)$`, replacement: `"allUsers"`},
	{title: "invoker", file: "invokers.tf", within: `(?s)\n  invokers = \{\n(.*?)\n  \}\n`, what: `(google_service_account\.\w+\.member|"serviceAccount:[^"]+"|"allUsers")`, replacement: `"serviceAccount:nobody@example.com"`},
	{suite: "mutants-company", title: "readers", file: "invokers.tf", what: `(var\.readers)`, replacement: `[]`},
	{title: "invoker list", file: "invokers.tf", what: `(?m)^  members += (.*)$`, replacement: "[]"},
	{title: "role", file: "invokers.tf", what: `"(roles/[\w.]+)"`, replacement: "roles/viewer"},
	{title: "member", file: "invokers.tf", what: `(?m)^  member += (.*)$`, replacement: `"allUsers"`},
	{title: "member", file: "identities.tf", what: `(?m)^  member += (.*)$`, replacement: `"allUsers"`},
	{title: "role", file: "identities.tf", what: `(?m)^  role += "(.*)"$`, replacement: "roles/viewer"},
	{title: "member", file: "firestore.tf", what: `(?m)^  member += (.*)$`, replacement: `"allUsers"`},
	{title: "condition", file: "firestore.tf", what: `(?m)^    expression = (.*)$`, replacement: `"true"`},
	{title: "condition", file: "identities.tf", what: `(?m)^    expression = (.*)$`, replacement: `"true"`},
	{title: "member", file: "pubsub.tf", what: `(?m)^  member += (.*)$`, replacement: `"allUsers"`},
	{title: "role", file: "pubsub.tf", what: `(?m)^  role += "(.*)"$`, replacement: "roles/viewer"},
	{title: "topic", file: "pubsub.tf", what: `(?m)^  topic += (.*)$`, replacement: `"elsewhere"`},
	{title: "dead-letter topic", file: "pubsub.tf", what: `dead_letter_topic += (.*)`, replacement: `"elsewhere"`},
	{title: "push endpoint", file: "pubsub.tf", what: `push_endpoint = (.*)`, replacement: `local.urls.alert`},
	{title: "audience", file: "pubsub.tf", what: `audience += (.*)`, replacement: `local.urls.metrics`},
	{title: "caller", file: "pubsub.tf", what: `service_account_email = (.*)`, replacement: `"nobody@example.com"`},
	{title: "audience", file: "scheduler.tf", what: `audience += (.*)`, replacement: `local.urls.alert`},
	{title: "caller", file: "scheduler.tf", what: `service_account_email = (.*)`, replacement: `"nobody@example.com"`},
	{title: "topic of the tick", file: "scheduler.tf", what: `local\.topic_ids\.(reports)`, replacement: "signals"},
	{title: "topic of the sink", file: "logsink.tf", what: `local\.topic_ids\.(signals)`, replacement: "reports"},
	{title: "member", file: "logsink.tf", what: `(?m)^  member += (.*)$`, replacement: `"allUsers"`},
	{title: "topic", file: "logsink.tf", what: `(?m)^  topic += (.*)$`, replacement: `"elsewhere"`},
	{title: "topic of reports", file: "functions.tf", what: `local\.topic_ids\.(reports)`, replacement: "signals"},
	{title: "index", file: "firestore.tf", what: `(\{ "__default__" = "\*" \})`, replacement: `{ for collection in local.collections : collection => "data" }`},
	{suite: "mutants-company-varied", title: "existing database", file: "firestore.tf", what: `(?:count|for_each) += (var\.firestore\.existing) \?`, replacement: "false"},
	{title: "deletion policy", file: "firestore.tf", what: `(?m)^  deletion_policy += ("ABANDON")$`, replacement: `"DELETE"`},
	{suite: "mutants-company", title: "key", file: "firestore.tf", what: `local\.kms_keys\.(firestore)`, replacement: `europe-west4`},
	{suite: "mutants-company", title: "key", file: "functions.tf", what: `kms_key_name += (local\.kms_keys\[.*\])`, replacement: `local.kms_keys.firestore`},
	{suite: "mutants-company", title: "key", file: "pubsub.tf", what: `kms_key_name += (local\.kms_keys\[.*\])`, replacement: `null`},
	{suite: "mutants-company", title: "key", file: "secrets.tf", what: `compact\(\[(local\.kms_keys\[.*\])\]\)`, replacement: `local.kms_keys[var.region]`},
	{suite: "mutants-company", title: "key", file: "source.tf", what: `(local\.kms_keys\[[a-z.]+\])`, replacement: `local.kms_keys.firestore`},
	{suite: "mutants-company", title: "location", file: "company.tf", what: `replace\(var\.\w+, ("/locations/\[\^/\]\+/"), `, replacement: `"/nothing/"`},
	{suite: "mutants-company-varied", title: "location of secrets", file: "company.tf", what: `secret_locations = (length.* == null) \?`, replacement: "true"},
	{suite: "mutants-company", title: "network", file: "company.tf", what: `(contains\(network\.functions, name\))`, replacement: "false"},
	{suite: "mutants-company", title: "connector's egress", file: "company.tf", what: `(trimprefix\(network\.egress, "VPC_EGRESS_"\))`, replacement: "network.egress"},
	{suite: "mutants-company", title: "place of secrets", file: "secrets.tf", what: `for_each = (length\(local\.secret_locations\) == 0 \? \[true\] : \[\])`, replacement: "[true]"},
	{suite: "mutants-company", title: "pool", file: "functions.tf", what: `worker_pool += (local\.worker_pools\[.*\])`, replacement: "null"},
	{suite: "mutants-company", title: "egress", file: "functions.tf", what: `direct_vpc_egress += (.*)`, replacement: "null"},
	{suite: "mutants-company", title: "ingress", file: "functions.tf", what: `ingress_settings += (.*)`, replacement: `"ALLOW_ALL"`},
	{suite: "mutants-company", title: "address", file: "functions.tf", what: `coalesce\((try\(trimsuffix\(var\.inbound\.url, "/"\), null\)), `, replacement: "null"},
	{title: "request log", file: "monitoring.tf", what: `( AND NOT logName:\\"run\.googleapis\.com%2Frequests\\")`},
	{title: "end of an absence", file: "monitoring.tf", what: `"(604800s)"`, replacement: "1800s"},
	{title: "responses", file: "monitoring.tf", what: `response_code_class=\\"(5xx)\\"`, replacement: "4xx"},
	{title: "wait", file: "identities.tf", what: `create_duration = "(180s)"`, replacement: "60s"},
	{title: "alignment", file: "uptime.tf", what: `alignment_period     = "(1200s)"`, replacement: "60s"},
	{title: "duration", file: "uptime.tf", what: `duration = "(\$\{.*\}s)"`, replacement: "60s"},
	{suite: "mutants-sizes", title: "size in bytes", file: "configuration.tf", what: `merge\(local\.texts, \{ whole = local\.whole \}\) : name => (ceil\(length\(base64encode\(text\)\) \* 3 / 4\))`, replacement: "length(text)"},
	{title: "period", file: "uptime.tf", what: `period += "(\$\{var\.uptime_period\}s)"`, replacement: "60s"},
	{title: "regions", file: "uptime.tf", what: `selected_regions = (var\.uptime_regions)`, replacement: "null"},
	{title: "topic of signals", file: "functions.tf", what: `local\.topic_ids\.(signals)`, replacement: "reports"},
}

// mutants gives every single mutant of a mutation.
func (m mutation) mutants(text string) []mutant {
	offset := 0
	part := text
	if m.within != "" {
		at := regexp.MustCompile(m.within).FindStringSubmatchIndex(text)
		if at == nil {
			return nil
		}
		offset, part = at[2], text[at[2]:at[3]]
	}
	var all []mutant
	for i, at := range regexp.MustCompile(m.what).FindAllStringSubmatchIndex(part, -1) {
		begin, end := at[0], at[1]
		if len(at) > 2 && at[2] >= 0 {
			begin, end = at[2], at[3]
		}
		original := strings.TrimSpace(part[begin:end])
		all = append(all, mutant{
			name: fmt.Sprintf("%s: %s %d: %.70s", m.file, m.title, i+1, original), file: m.file, suite: m.suite,
			original: original, replacement: m.replacement,
			result: text[:offset+begin] + m.replacement + text[offset+end:],
		})
	}
	return all
}

func TestTerraformWithoutAnyOneThingFailsATest(t *testing.T) {
	t.Parallel()
	root := workspace(t, "terraform")
	lock, err := os.ReadFile(filepath.Join(root, ".terraform.lock.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range suites(t) {
		if err := os.WriteFile(filepath.Join(root, "tests", name+".tftest.hcl"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range suiteNames {
		if out, err := terraform(t, root, "test", "-json", "-filter=tests/"+name+".tftest.hcl"); err != nil {
			t.Fatalf("the original: %v\n%s", err, diagnostics(out))
		}
	}
	for _, m := range mutations {
		all := m.mutants(read(t, "terraform/"+m.file))
		if len(all) == 0 {
			t.Errorf("%s: nothing is a %s there", m.file, m.title)
		}
		for _, mutant := range all {
			t.Run(mutant.name, func(t *testing.T) {
				t.Parallel()
				top := t.TempDir()
				for _, name := range unarchived {
					copyFile(t, filepath.Join(repository, filepath.FromSlash(name)), filepath.Join(top, filepath.FromSlash(name)))
				}
				dir := filepath.Join(top, "terraform")
				copyTree(t, root, dir)
				err := os.WriteFile(filepath.Join(dir, ".terraform.lock.hcl"), lock, 0o600)
				if err == nil {
					err = os.WriteFile(filepath.Join(dir, mutant.file), []byte(mutant.result), 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
				t.Log(mutant.verdict(t, dir, filepath.Join(root, ".terraform")))
			})
		}
	}
}

// failedAssertion is how Terraform begins what it says of an assertion of a test.
const failedAssertion = "Test assertion failed: "

// suiteNames are the tests that a mutant must fall to, the quickest first.
var suiteNames = []string{"mutants", "mutants-company", "mutants-security", "mutants-company-varied", "mutants-configuration", "mutants-sizes"}

func suites(t *testing.T) map[string]string {
	t.Helper()
	security, delivery, configuration := read(t, "terraform/tests/security.tftest.hcl"), read(t, "terraform/tests/delivery.tftest.hcl"), read(t, "terraform/tests/configuration.tftest.hcl")
	sizes := read(t, "terraform/tests/sizes.tftest.hcl")
	bytes := regexp.MustCompile(`(?ms)^run "the_size_of_a_document_is_counted_in_bytes" \{\n.*?^\}\n`).FindString(sizes)
	company, monitoring := read(t, "terraform/tests/company.tftest.hcl"), read(t, "terraform/tests/monitoring.tftest.hcl")
	return map[string]string{
		"mutants":                merged(t, security, delivery, monitoring),
		"mutants-company":        merged(t, company),
		"mutants-company-varied": planned(t, company) + varied(company),
		"mutants-sizes":          planned(t, sizes) + varied(bytes),
		"mutants-security":       planned(t, security) + varied(security),
		"mutants-configuration":  planned(t, configuration) + varied(configuration),
	}
}

// suites are the suites, that which is likely to notice the mutant before the others.
func (m mutant) suites() []string {
	if m.suite == "" {
		return suiteNames
	}
	others := slices.DeleteFunc(slices.Clone(suiteNames), func(name string) bool { return name == m.suite })
	return append([]string{m.suite}, others...)
}

// verdict tells which assertion noticed a mutant.
func (m mutant) verdict(t *testing.T, dir, data string) string {
	t.Helper()
	for _, name := range m.suites() {
		out, err := terraformWith(t, dir, data, "test", "-json", "-filter=tests/"+name+".tftest.hcl")
		if err == nil {
			continue
		}
		_, reason, found := strings.Cut(diagnostics(out), failedAssertion)
		if !found {
			t.Fatalf("cannot be applied, which says nothing of the tests: %v\n%s", err, diagnostics(out))
		}
		reason, _, _ = strings.Cut(reason, "\n")
		return "noticed: " + reason
	}
	t.Errorf("nothing notices that %s is %q", m.original, m.replacement)
	return "survived"
}
