package secrets_test

import (
	"encoding/json"
	"fmt"

	"github.com/pongwatch/pongwatch/shared/secrets"
)

// A secret prints as itself nowhere but where it is revealed.
func ExampleValue() {
	token := secrets.New("AXyz")
	text, _ := json.Marshal(struct{ Token secrets.Value }{token})
	fmt.Printf("%v %+v %q %x %s\n", token, token, token, token, text)
	fmt.Println(token.Reveal())
	// Output:
	// [redacted] [redacted] [redacted] [redacted] {"Token":"[redacted]"}
	// AXyz
}
