package alert

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/internal/racetest"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/outbound/outboundtest"
)

// internet has the hosts of production.
var internet *outboundtest.Internet

func TestMain(m *testing.M) {
	flag.Parse()
	var err error
	if racetest.Enabled {
		err = flag.Set("rapid.checks", "25") // each steps through a life of a shard
	}
	if err == nil {
		internet, err = outboundtest.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	internet.Close()
	os.Exit(code)
}

// The heartbeat asks the host of its own address and no other.
func TestTheHeartbeatReachesItsHostInProduction(t *testing.T) {
	var asked string
	internet.Handle("hc-ping.com", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.URL.Path + " " + r.UserAgent()
	}))
	internet.Handle("moved.example.com", http.RedirectHandler("https://hc-ping.com/elsewhere", http.StatusFound))
	tests := []struct {
		name, address string
		proxied       []string
		asked         string
		err           string // part of the error; empty is success
	}{
		{"its host", "https://hc-ping.com" + secretPath, []string{"hc-ping.com:443"}, "GET " + secretPath + " pongwatch", ""},
		{"its host in capitals, with a line break", "https://HC-PING.com" + secretPath + "\n", []string{"HC-PING.com:443"}, "GET " + secretPath + " pongwatch", ""},
		{"a redirect is not followed", "https://moved.example.com" + secretPath, []string{"moved.example.com:443"}, "", "HTTP 302"},
		{"this machine in plain http is refused", "http://127.0.0.1:1" + secretPath, nil, "", outbound.ErrForbidden.Error()},
		{"plain http is refused", "http://hc-ping.com" + secretPath, nil, "", outbound.ErrForbidden.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			internet.Asked()
			asked = ""
			err := Heartbeat(&config.Config{Heartbeat: config.Heartbeat{URL: config.Inline(tt.address)}}, ReceiverOptions{})(t.Context())
			if got := internet.Asked(); !slices.EqualFunc(got, tt.proxied, strings.EqualFold) || asked != tt.asked {
				t.Errorf("asked %v and %q, want %v and %q", got, asked, tt.proxied, tt.asked)
			}
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "canary")) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if errors.Is(err, outbound.ErrForbidden) != (tt.proxied == nil) {
				t.Errorf("error %v", err)
			}
		})
	}
}
