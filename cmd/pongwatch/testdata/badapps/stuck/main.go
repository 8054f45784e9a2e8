// Command stuck is a bad app. It passes the first error of Redis on to its users, and to all who
// come later, until it is restarted. Its health page says so.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

func main() {
	client := http.Client{Timeout: time.Second}
	var broken atomic.Pointer[string]
	get := func() {
		problem := ""
		resp, err := client.Get(os.Getenv("UPSTASH_REDIS_URL") + "/get/page?_token=" + os.Getenv("UPSTASH_REDIS_TOKEN"))
		switch {
		case err != nil:
			problem = err.Error()
		case resp.StatusCode != http.StatusOK:
			problem = resp.Status
			resp.Body.Close()
		default:
			resp.Body.Close()
		}
		if problem != "" {
			broken.CompareAndSwap(nil, &problem) // what is wrong: nothing ever takes it back
		}
	}
	answer := func(good string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if broken.Load() == nil {
				get()
			}
			if problem := broken.Load(); problem != nil {
				http.Error(w, `{"redis":"down","error":"`+*problem+`"}`, http.StatusInternalServerError)
				return
			}
			io.WriteString(w, good)
		}
	}
	http.HandleFunc("/health", answer(`{"redis":"connected"}`))
	http.HandleFunc("/page", answer("hello"))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
