package slack

import (
	"encoding/json"
	"fmt"
	"time"

	slackapi "github.com/slack-go/slack"
)

// envelope is the outside of every payload; which fields are set depends on Type.
type envelope struct {
	Type               string          `json:"type"`
	TeamID             string          `json:"team_id"`
	EnterpriseID       string          `json:"enterprise_id"`
	APIAppID           string          `json:"api_app_id"`
	EventID            string          `json:"event_id"`
	EventTime          int64           `json:"event_time"`
	Event              json.RawMessage `json:"event"`
	IsExtSharedChannel bool            `json:"is_ext_shared_channel"`
	// Authorizations is nil when absent: an empty list is another answer (see workspace).
	Authorizations *[]slackapi.EventAuthorization `json:"authorizations"`

	Challenge         string `json:"challenge"`
	MinuteRateLimited int64  `json:"minute_rate_limited"`
}

// authorization returns the installation that the event was sent for; Slack never sends more than one.
func (e envelope) authorization() slackapi.EventAuthorization {
	if e.Authorizations == nil || len(*e.Authorizations) == 0 {
		return slackapi.EventAuthorization{}
	}
	return (*e.Authorizations)[0]
}

// workspace names the installation. The rule and its reason stand in the package's documentation.
func (e envelope) workspace() (string, error) {
	team, enterprise := e.authorization().TeamID, e.authorization().EnterpriseID
	if e.Authorizations == nil {
		if e.IsExtSharedChannel {
			return "", fmt.Errorf("%w: a shared channel without authorizations", ErrNoWorkspace)
		}
		team, enterprise = e.TeamID, e.EnterpriseID
	}
	id := team
	if id == "" {
		id = enterprise
	}
	if id == "" {
		return "", ErrNoWorkspace
	}
	if !plain(id) {
		return "", fmt.Errorf("%w: team_id", ErrMalformed)
	}
	return id, nil
}

// ownUser is our app's own user, where the installation is a bot's; "" for a token of a person.
func (e envelope) ownUser() string {
	if a := e.authorization(); a.IsBot {
		return a.UserID
	}
	return ""
}

// check refuses an envelope whose ids and time couldn't be logged or written as they are.
func (e envelope) check() error {
	for _, id := range [...]struct{ field, value string }{
		{"team_id", e.TeamID},
		{"enterprise_id", e.EnterpriseID},
		{"api_app_id", e.APIAppID},
		{"event_id", e.EventID},
	} {
		if id.value != "" && !plain(id.value) {
			return fmt.Errorf("%w: %s", ErrMalformed, id.field)
		}
	}
	if e.EventTime < 0 || e.EventTime > maxSeconds {
		return fmt.Errorf("%w: event_time", ErrMalformed)
	}
	return nil
}

// time is the envelope's event_time, zero where it has none.
func (e envelope) time() time.Time {
	if e.EventTime == 0 {
		return time.Time{}
	}
	return time.Unix(e.EventTime, 0).UTC()
}
