package upstashtest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// What an app sees when the database is full: reads work, writes do not.
func ExampleServer_Break() {
	e, err := upstashtest.New(upstashtest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	if err := e.Break(upstashtest.Fault{Mode: upstashtest.Full}); err != nil {
		fmt.Println(err)
	}

	for _, command := range []string{`["GET", "greeting"]`, `["SET", "greeting", "hello"]`} {
		request, err := http.NewRequest(http.MethodPost, e.URL(), strings.NewReader(command))
		if err != nil {
			fmt.Println(err)
			return
		}
		request.Header.Set("Authorization", "Bearer "+e.Token())
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		text, _, _ := strings.Cut(string(body), ".")
		fmt.Println(response.StatusCode, strings.TrimSpace(text))
	}
	// Output:
	// 200 {"result":null}
	// 400 {"error":"ERR DB capacity quota exceeded
}
