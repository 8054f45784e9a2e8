package signature_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/signature"
)

// While a key is rotated, the sender signs with both, and the receiver may know either.
func ExampleSign() {
	oldKey, _ := signature.ParseKey("whsec_" + strings.Repeat("A", 32))
	newKey, _ := signature.ParseKey("whsec_" + strings.Repeat("B", 32))
	body := []byte(`{"type":"mock_mode.activated","data":{"service":"backend"}}`)
	at := time.Date(2026, 11, 22, 18, 22, 0, 0, time.UTC)

	h := http.Header{}
	if err := signature.Sign(h, []signature.Key{newKey, oldKey}, "msg_1", at, body); err != nil {
		fmt.Println(err)
	}
	message, err := signature.Verify(h, []signature.Key{oldKey}, body, at.Add(time.Minute))
	fmt.Println(message.ID, err)
	_, err = signature.Verify(h, []signature.Key{oldKey}, body, at.Add(time.Hour))
	fmt.Println(err)
	// Output:
	// msg_1 <nil>
	// signature invalid
}
