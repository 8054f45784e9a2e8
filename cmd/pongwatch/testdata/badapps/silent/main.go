// Command silent is a bad app. It has no timeout, it serves errors of Redis as if nothing had
// happened, and its health page says connected without a look.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"status":"connected"}`) })
	http.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
		// What is wrong: nothing bounds this, and nothing looks at the error.
		if resp, err := http.Get(os.Getenv("UPSTASH_REDIS_URL") + "/get/page?_token=" + os.Getenv("UPSTASH_REDIS_TOKEN")); err == nil {
			resp.Body.Close()
		}
		fmt.Fprint(w, "hello")
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
