package slack

import (
	"time"

	"github.com/konstruct/konstruct/message"
)

// Event is what one payload means: a [Message], [Challenge], [Lifecycle], [RateLimited] or [Ignored].
type Event interface{ isEvent() }

// Message is something said in a conversation: new, edited or deleted.
type Message struct{ message.KonstructMessage }

// Challenge is Slack's question whether this URL is ours (url_verification). The answer is to send Value back.
type Challenge struct {
	Value string // 1 to 512 visible ASCII characters
}

// maxTeams bounds Lifecycle.TeamIDs.
const maxTeams = 1000

// Lifecycle reports that the installation itself changed: the app was removed, its tokens were revoked, its workspace
// moved.
type Lifecycle struct {
	Type        string // Slack's name of the event: app_uninstalled, tokens_revoked, …
	WorkspaceID string
	AppID       string
	EventID     string
	// TeamIDs are the workspaces that an organization-wide installation gained or lost; at most 1,000.
	TeamIDs []string
}

// RateLimited reports that Slack held back a workspace's events in one minute (app_rate_limited).
type RateLimited struct {
	WorkspaceID string
	AppID       string
	Minute      time.Time // UTC; zero if the payload does not say
}

// Ignored is an event that carries no message for us.
type Ignored struct {
	// Type and Subtype are Slack's names, or "other" if they do not look like names, so that they can be counted and
	// logged as they are.
	Type    string
	Subtype string
	EventID string
}

func (Message) isEvent()     {}
func (Challenge) isEvent()   {}
func (Lifecycle) isEvent()   {}
func (RateLimited) isEvent() {}
func (Ignored) isEvent()     {}
