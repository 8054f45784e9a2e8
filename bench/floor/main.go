// Command floor is the least that a function here can be: the functions framework
// and the Secret Manager SDK, which the project must use, and nothing else. What
// pongwatch's cold start and memory cost is measured against it.
//
// It is a module of its own so that it has the versions that such a program gets by
// itself: pongwatch's go.mod lifts one that would walk all types at each start.
package main

import (
	"log/slog"
	"net/http"
	"os"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
)

func main() {
	functions.HTTP("HealthCheck", func(w http.ResponseWriter, r *http.Request) {
		// Never asked for: the SDK is linked and initialised, as in pongwatch, not used.
		if r.Header.Get("X-Secret") != "" {
			client, err := secretmanager.NewClient(r.Context())
			if err == nil {
				err = client.Close()
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
		}
		w.WriteHeader(http.StatusOK)
	})
	if err := funcframework.Start(os.Getenv("PORT")); err != nil {
		slog.Error("not served", "error", err)
		os.Exit(1)
	}
}
