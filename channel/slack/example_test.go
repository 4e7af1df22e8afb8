package slack_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/konstruct/konstruct/channel/slack"
)

func ExampleNormalize() {
	body := []byte(`{
		"type": "event_callback", "event_id": "Ev1", "api_app_id": "A1", "team_id": "T9",
		"authorizations": [{"team_id": "T1", "user_id": "U1", "is_bot": true}],
		"event": {"type": "message", "user": "U2", "text": "hello", "ts": "1768471200.000007", "channel": "C1"}
	}`)
	event, err := slack.Normalize(body)
	if err != nil {
		fmt.Println(err)
		return
	}
	switch e := event.(type) {
	case slack.Message:
		fmt.Println("from workspace", e.ChannelMetadata.WorkspaceID, "came", e.KonstructMessage)
	case slack.Ignored:
		fmt.Println("nothing for us:", e.Type)
	}
	// Output: from workspace T1 came message slack.T1.C1.1768471200.000007 (new, thread "", event "Ev1")
}

func ExampleVerifier_Verify() {
	sent := time.Unix(1768471200, 0)
	verifier, err := slack.NewVerifier("signing secret", func() time.Time { return sent.Add(time.Second) })
	if err != nil {
		fmt.Println(err)
		return
	}
	body := []byte(`{"type":"event_callback"}`)
	header := http.Header{}
	header.Set(slack.TimestampHeader, "1768471200")
	header.Set(slack.SignatureHeader, verifier.Sign(sent, body))

	fmt.Println(verifier.Verify(header, body))
	fmt.Println(verifier.Verify(header, []byte(`{"type":"something else"}`)))
	// Output:
	// <nil>
	// slack: wrong signature
}
