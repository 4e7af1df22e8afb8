package slack

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/slack-go/slack/slackevents"
	"github.com/tidwall/gjson"
)

// Normalize reads the body of one request to the events URL. It verifies nothing: check the signature first, over
// the same bytes. Either the event or the error is nil. The error is a [*PayloadError] around [ErrMalformed],
// [ErrUnsupported] or [ErrNoWorkspace].
func Normalize(body []byte) (Event, error) {
	if !utf8.Valid(body) {
		body = bytes.ToValidUTF8(body, []byte("\uFFFD"))
	}
	// One scan checks the grammar, the depth of nesting included, and makes the form that a message keeps as Raw.
	// Everything after it looks values up.
	canonical, err := json.Marshal(json.RawMessage(body))
	if err != nil {
		return nil, &PayloadError{Err: malformed("not JSON")} // the cause repeats pieces of its input
	}
	root := gjson.ParseBytes(canonical)
	if !root.IsObject() {
		return nil, &PayloadError{Err: malformed("not an object")}
	}
	env := readEnvelope(root)
	event, err := env.read()
	if err != nil {
		return nil, &PayloadError{EventID: env.eventID, Err: err}
	}
	return event, nil
}

func (e envelope) read() (Event, error) {
	switch e.kind {
	case slackevents.URLVerification:
		return e.challengeEvent()
	case slackevents.AppRateLimited:
		return e.rateLimited()
	case slackevents.CallbackEvent:
		return e.callback()
	case "":
		return nil, malformed("type")
	default:
		return nil, ErrUnsupported
	}
}

// callback reads no more of the event than decides what it is, until that is something for us.
func (e envelope) callback() (Event, error) {
	if !e.event.IsObject() {
		return nil, malformed("event")
	}
	kind := label(e.event.Get("type"))
	switch kind {
	case "":
		return nil, malformed("event.type")
	case string(slackevents.Message), string(slackevents.AppMention):
		return e.message(kind)
	case string(slackevents.AppUninstalled), string(slackevents.AppUninstalledTeam), string(slackevents.TokensRevoked),
		string(slackevents.GridMigrationStarted), string(slackevents.GridMigrationFinished),
		string(slackevents.TeamAccessGranted), string(slackevents.TeamAccessRevoked):
		return e.lifecycle(kind)
	default:
		return Ignored{Type: kind, EventID: e.eventID}, nil
	}
}
