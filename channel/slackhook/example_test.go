package slackhook_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/konstruct/konstruct/channel/slackhook"
)

func ExampleVerifier_Verify() {
	sent := time.Unix(1768471200, 0)
	verifier, err := slackhook.NewVerifier("harbour-signing-secret", func() time.Time { return sent.Add(time.Second) })
	if err != nil {
		fmt.Println(err)
		return
	}
	body := []byte(`{"type":"event_callback"}`)
	header := http.Header{}
	header.Set(slackhook.TimestampHeader, "1768471200")
	header.Set(slackhook.SignatureHeader, verifier.Sign(sent, body))

	fmt.Println(verifier.Verify(header, body))
	fmt.Println(verifier.Verify(header, []byte(`{"type":"something else"}`)))
	// Output:
	// <nil>
	// slackhook: wrong signature
}
