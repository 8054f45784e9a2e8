package deploytest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/shared/budget"
	"github.com/pongwatch/pongwatch/shared/config"
)

// limit returns the number that the expression's group finds in Terraform's files.
func limit(t *testing.T, file, expression string) int {
	t.Helper()
	found := regexp.MustCompile(expression).FindStringSubmatch(read(t, file))
	if found == nil {
		t.Fatalf("%s has nothing like %s", file, expression)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTheFunctionsReadAsManyPartsAsTerraformMakes(t *testing.T) {
	t.Parallel()
	most := limit(t, "terraform/configuration.tf", `most_parts\s*= (\d+)`)
	const environment = 32 << 10
	longest := "sm://projects/example.com:" + strings.Repeat("p", 30) + "/secrets/" + strings.Repeat("x", 18) + "-config-000-0123456789ab"
	if all := most * (len(longest) + 1); all > environment*9/10 {
		t.Errorf("%d references take %d bytes of the environment's %d", most, all, environment)
	}
	load := func(n int) error {
		_, err := config.Load(t.Context(), config.Options{
			Getenv: func(string) string { return strings.Repeat("part.json,", n-1) + "rest.json" },
			ReadFile: func(name string) ([]byte, error) {
				if name == "rest.json" {
					return []byte(`{"databases": [{"name": "a", "url": "https://a.upstash.io", "token": "sm://projects/p/secrets/a"}]}`), nil
				}
				return []byte("{}"), nil
			},
		})
		return err
	}
	if err := load(most); err != nil {
		t.Errorf("Terraform makes %d parts: %v", most, err)
	}
	if !strings.Contains(read(t, "terraform/secrets.tf"), "length(local.config_parts) <= local.most_parts") {
		t.Error("Terraform does not refuse more parts than the functions read")
	}
	// Ten thousand databases as real ones are, each with an app.
	const database = `{"name":"customer-00000-production-cache","shard":"shard-00","url":"https://merry-cat-00000-with-a-long-name.upstash.io","plan":"payg",` +
		`"environment":"production","checks":{"write":{"every":"30m"}},"thresholds":{"latency":{"open":"900ms"}},` +
		`"app":[{"service":"backend-00000","health_url":"https://app-00000.example.com/api/v1/health/redis"}]},`
	if size, part := 10_000*len(database), limit(t, "terraform/configuration.tf", `local\.database_begins\[i\] / (\d+)`); size/part+2 > most {
		t.Errorf("10,000 databases take %d parts, more than the %d that the functions read", size/part+2, most)
	}
	if load(most+1) == nil {
		t.Errorf("the functions read %d parts, more than Terraform makes: raise most_parts in terraform/configuration.tf too", most+1)
	}
}

// What scripts/bench measures in a process with a limit is what Terraform sets, for as many requests at once.
func TestMetricsHasTheMemoryThatItsPagesAreMeasuredWith(t *testing.T) {
	t.Parallel()
	shards := limit(t, "bench/pages.go", `large = layout\{shards: (\d+)`)
	databases := shards * limit(t, "bench/pages.go", `large = layout\{shards: \d+, databases: (\d+)`)
	least := limit(t, "terraform/functions.tf", `pages_mib = max\((\d+)`)
	thousand := limit(t, "terraform/functions.tf", `pages_mib = max\(\d+, (\d+) \* ceil\(length\(var\.databases\) / 1000\)\)`)
	if got, want := max(least, thousand*((databases+999)/1000)), limit(t, "bench/pages.go", `softLimit = "(\d+)MiB"`); got != want {
		t.Errorf("Terraform gives Metrics %d MiB for %d databases, which are measured with %d", got, databases, want)
	}
	if got, want := limit(t, "terraform/variables.tf", `metrics     = optional\(object\(\{ concurrency = optional\(number, (\d+)`), limit(t, "bench/pages.go", `atOnce = (\d+)`); got != want {
		t.Errorf("Terraform lets %d requests into an instance at once, %d are measured", got, want)
	}
}

func TestABundleOfTerraformsFitsASecret(t *testing.T) {
	t.Parallel()
	names := limit(t, "terraform/configuration.tf", `chunklist\(local\.bundled, (\d+)\)`)
	token := limit(t, "terraform/variables.tf", `length\(token\) <= (\d+)`)
	entry := fmt.Sprintf(`"%s":{"token":"%s"},`, strings.Repeat("n", 63), strings.Repeat("A", token))
	if size := names * len(entry); size > 64<<10 {
		t.Errorf("a bundle of %d databases may have %d bytes, more than the 64 KiB of a secret", names, size)
	}
}

// The document's size is that of its text, so a comment makes it as long as it should be.
func TestTheBudgetCountsTheSecretsThatTerraformMakes(t *testing.T) {
	t.Parallel()
	whole := limit(t, "terraform/configuration.tf", `config_fits = local\.bytes\.whole <= (\d+)`)
	part := limit(t, "terraform/configuration.tf", `local\.database_begins\[i\] / (\d+)`)
	const document = "credentials: [sm://projects/p/secrets/databases, sm://projects/p/secrets/databases-2]\ndatabases: [{name: a}]\n"
	for size, want := range map[int]float64{len(document) + 1: 2, whole: 2, whole + 1: 2 + 2, part: 2 + 2, part + 1: 2 + 3, 100 * part: 2 + 101} {
		c, problems := config.Parse(false, config.Document{Name: "c", Text: []byte(document + "#" + strings.Repeat("x", size-len(document)-1))})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		for _, cost := range budget.Cloud(c) {
			if cost.Item == "Secret Manager versions" && cost.Use != want {
				t.Errorf("a document of %d bytes: %v versions, want %v", size, cost.Use, want)
			}
		}
	}
}
