package config_test

import (
	"fmt"

	"github.com/pongwatch/pongwatch/shared/config"
)

// All problems are reported at once, each with its place and an example of right.
func ExampleParse() {
	_, problems := config.Parse(false, config.Document{Name: "pongwatch.yaml", Text: []byte(`
databases:
  - name: prod-cache
    url: rediss://usw1-merry-cat.upstash.io:6379
    token: sm://projects/my-project/secrets/prod-cache-token
    plann: free
`)})
	for _, p := range problems {
		fmt.Println(p.Error())
	}
	// Output:
	// pongwatch.yaml:4:5: databases[0].url is a rediss:// URL, which belongs to Redis' TCP protocol; want the REST URL; example: https://your-instance.upstash.io
	// pongwatch.yaml:6:5: databases[0].plann is not a key here; did you mean plan?; example: plan
}
