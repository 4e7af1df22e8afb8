package slack

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/slack-go/slack/slackevents"
)

// Normalize reads the body of one request to the events URL. It verifies nothing: check the signature first, over
// the same bytes. Either the event or the error is nil. The errors are [ErrMalformed], [ErrUnsupported] and
// [ErrNoWorkspace].
func Normalize(body []byte) (Event, error) {
	var env envelope
	if err := json.Unmarshal(body, &env); err != nil {
		// encoding/json repeats pieces of its input in its errors, so they aren't wrapped.
		return nil, fmt.Errorf("%w: not the JSON of an envelope", ErrMalformed)
	}
	switch env.Type {
	case slackevents.URLVerification:
		return env.challenge()
	case slackevents.AppRateLimited:
		return env.rateLimited()
	case slackevents.CallbackEvent:
		return env.callback()
	case "":
		return nil, fmt.Errorf("%w: no type", ErrMalformed)
	default:
		return nil, ErrUnsupported
	}
}

func (e envelope) challenge() (Event, error) {
	if !visible(e.Challenge, maxChallenge) {
		return nil, fmt.Errorf("%w: challenge", ErrMalformed)
	}
	return Challenge{Value: e.Challenge}, nil
}

func (e envelope) rateLimited() (Event, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	workspace, err := e.workspace()
	if err != nil {
		return nil, err
	}
	if e.MinuteRateLimited < 0 || e.MinuteRateLimited > maxSeconds {
		return nil, fmt.Errorf("%w: minute_rate_limited", ErrMalformed)
	}
	return RateLimited{WorkspaceID: workspace, AppID: e.APIAppID, Minute: time.Unix(e.MinuteRateLimited, 0).UTC()}, nil
}

func (e envelope) callback() (Event, error) {
	// Only the type at first: fields of the same name have other shapes in other events.
	var inner struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(e.Event, &inner); err != nil || inner.Type == "" {
		return nil, fmt.Errorf("%w: event.type", ErrMalformed)
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	switch inner.Type {
	case string(slackevents.Message), string(slackevents.AppMention):
		return e.message()
	case string(slackevents.AppUninstalled), string(slackevents.AppUninstalledTeam), string(slackevents.TokensRevoked),
		string(slackevents.GridMigrationStarted), string(slackevents.GridMigrationFinished),
		string(slackevents.TeamAccessGranted), string(slackevents.TeamAccessRevoked):
		workspace, err := e.workspace()
		if err != nil {
			return nil, err
		}
		return Lifecycle{Type: inner.Type, WorkspaceID: workspace, AppID: e.APIAppID, EventID: e.EventID}, nil
	default:
		return Ignored{Type: label(inner.Type), EventID: e.EventID}, nil
	}
}
