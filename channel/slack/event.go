package slack

import (
	"time"

	"github.com/konstruct/konstruct/message"
)

// Event is the content of a payload: a [Message], [Challenge], [Lifecycle], [RateLimited] or [Ignored].
type Event interface{ isEvent() }

// Message is a new, edited or deleted message.
type Message struct{ message.KonstructMessage }

// Challenge is a url_verification request. The response must contain Value.
type Challenge struct {
	Value string // 1 to 512 visible ASCII characters
}

const maxTeams = 1000 // Lifecycle.TeamIDs

// Lifecycle reports a change of the installation: app removed, tokens revoked, workspace moved.
type Lifecycle struct {
	Type        string // Slack's event type, such as app_uninstalled
	WorkspaceID string
	AppID       string
	EventID     string
	// TeamIDs are the workspaces that an organization-wide installation gained or lost, at most 1,000.
	TeamIDs []string
}

// RateLimited reports that Slack withheld a workspace's events in one minute (app_rate_limited).
type RateLimited struct {
	WorkspaceID string
	AppID       string
	Minute      time.Time // UTC; zero if the payload does not say
}

// Ignored is an event without a message.
type Ignored struct {
	// Type and Subtype are Slack's names, or "other" for a malformed name, so they are safe to log and count.
	Type    string
	Subtype string
	EventID string
}

func (Message) isEvent()     {}
func (Challenge) isEvent()   {}
func (Lifecycle) isEvent()   {}
func (RateLimited) isEvent() {}
func (Ignored) isEvent()     {}
