package client_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/shared/gcp/internal/client"
)

func TestOptionsAcceptOnlyLoopback(t *testing.T) {
	tests := []struct {
		host string
		ok   bool
	}{
		{"127.0.0.1:8085", true},
		{"127.8.9.10:1", true},
		{"[::1]:8085", true},
		{"localhost:8085", true},
		{"127.0.0.1", false},
		{"", true}, // Google itself
		{":8085", false},
		{"0.0.0.0:8085", false},
		{"10.0.0.1:8085", false},
		{"169.254.169.254:80", false},
		{"localhost.example.com:8085", false},
		{"127.0.0.1.example.com:8085", false},
		{"http://127.0.0.1:8085", false},
	}
	for _, tt := range tests {
		_, err := client.Options("X_EMULATOR_HOST", tt.host)
		if (err == nil) != tt.ok {
			t.Errorf("%q: %v, want accepted %v", tt.host, err, tt.ok)
		}
		if err != nil && (!strings.Contains(err.Error(), "X_EMULATOR_HOST is "+strconv.Quote(tt.host)) || !strings.Contains(err.Error(), "such as 127.0.0.1:8085")) {
			t.Errorf("%q: the error does not name the variable, its value and an example: %v", tt.host, err)
		}
	}
}
