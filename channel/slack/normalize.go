package slack

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/slack-go/slack/slackevents"
	"github.com/tidwall/gjson"
)

// Normalize reads the body of a request to the events URL. It does not verify the signature. The error is a
// [*PayloadError] around [ErrMalformed], [ErrUnsupported] or [ErrNoWorkspace].
func Normalize(body []byte) (Event, error) {
	if !utf8.Valid(body) {
		body = bytes.ToValidUTF8(body, []byte("\uFFFD"))
	}
	// This one scan checks syntax and nesting depth, and produces the form of KonstructMessage.Raw. gjson then looks
	// values up without parsing again.
	canonical, err := json.Marshal(json.RawMessage(body))
	if err != nil {
		return nil, &PayloadError{Err: malformed("not JSON")} // the cause contains pieces of the input
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

// callback reads only the event's type before it decides whether to read the rest.
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
