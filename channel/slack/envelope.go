package slack

import (
	"fmt"
	"time"

	"github.com/slack-go/slack/slackevents"
	"github.com/tidwall/gjson"
)

// envelope holds the outer fields of a payload. Which are set depends on kind.
type envelope struct {
	kind              string
	teamID            string
	enterpriseID      string
	contextTeamID     string // a workspace of the channel, possibly another company's
	appID             string
	eventID           string
	eventContext      string
	eventTime         time.Time
	event             gjson.Result
	shared            bool
	enterpriseInstall boolean
	authorized        bool // authorizations is present, even if malformed
	authorization     authorization
	challenge         string
	minute            time.Time
}

// authorization is the installation that the event was sent for.
type authorization struct {
	teamID            string
	enterpriseID      string
	userID            string
	bot               boolean
	enterpriseInstall boolean
}

func readEnvelope(v gjson.Result) (e envelope) {
	for key, v := range v.All() {
		switch key.Str {
		case "type":
			e.kind = text(v)
		case "team_id":
			e.teamID = identifier(v)
		case "enterprise_id":
			e.enterpriseID = identifier(v)
		case "context_team_id":
			e.contextTeamID = identifier(v)
		case "api_app_id":
			e.appID = identifier(v)
		case "event_id":
			e.eventID = identifier(v)
		case "event_context":
			if s := text(v); visible(s, maxHandle) {
				e.eventContext = s
			}
		case "event_time":
			e.eventTime = seconds(v)
		case "event":
			e.event = v
		case "is_ext_shared_channel":
			a := readBool(v)
			e.shared = a == yes || a == invalid
		case "is_enterprise_install":
			e.enterpriseInstall = readBool(v)
		case "authorizations":
			e.authorized = v.Type != gjson.Null
			e.authorization = readAuthorization(v)
		case "challenge":
			e.challenge = text(v)
		case "minute_rate_limited":
			e.minute = seconds(v)
		}
	}
	return e
}

// readAuthorization reads the first of the list; Slack never sends more.
func readAuthorization(list gjson.Result) authorization {
	if !list.IsArray() {
		return authorization{}
	}
	first := list.Get("0")
	return authorization{
		teamID:            identifier(first.Get("team_id")),
		enterpriseID:      identifier(first.Get("enterprise_id")),
		userID:            identifier(first.Get("user_id")),
		bot:               readBool(first.Get("is_bot")),
		enterpriseInstall: readBool(first.Get("is_enterprise_install")),
	}
}

// installation returns the authorization or, without one, the same fields of the envelope.
func (e envelope) installation() authorization {
	if e.authorized {
		return e.authorization
	}
	return authorization{teamID: e.teamID, enterpriseID: e.enterpriseID, enterpriseInstall: e.enterpriseInstall}
}

// workspace returns the installation's id. See the package documentation for the rule.
func (e envelope) workspace() (string, error) {
	if !e.authorized && (e.shared || e.contextTeamID != "" && e.contextTeamID != e.teamID) {
		return "", fmt.Errorf("%w: a shared channel without authorizations", ErrNoWorkspace)
	}
	in := e.installation()
	id := in.teamID
	switch in.enterpriseInstall {
	case yes:
		id = in.enterpriseID
	case invalid:
		return "", fmt.Errorf("%w: is_enterprise_install is neither true nor false", ErrNoWorkspace)
	case absent, no:
	}
	if id == "" {
		return "", ErrNoWorkspace
	}
	return id, nil
}

// organization returns the installation's id for team_access_granted and team_access_revoked. These exist only for
// organization-wide installations, and may lack authorizations.
func (e envelope) organization() (string, error) {
	if !e.authorized && e.teamID == "" && !e.shared && e.enterpriseInstall == absent && e.enterpriseID != "" {
		return e.enterpriseID, nil
	}
	return e.workspace()
}

// ownUser returns our app's user, or "" if the event was sent for a person's token.
func (e envelope) ownUser() string {
	if e.authorization.bot == yes {
		return e.authorization.userID
	}
	return ""
}

func (e envelope) challengeEvent() (Event, error) {
	if !visible(e.challenge, maxChallenge) {
		return nil, malformed("challenge")
	}
	return Challenge{Value: e.challenge}, nil
}

func (e envelope) rateLimited() (Event, error) {
	workspace, err := e.workspace()
	if err != nil {
		return nil, err
	}
	return RateLimited{WorkspaceID: workspace, AppID: e.appID, Minute: e.minute}, nil
}

func (e envelope) lifecycle(kind string) (Event, error) {
	find := e.workspace
	if kind == string(slackevents.TeamAccessGranted) || kind == string(slackevents.TeamAccessRevoked) {
		find = e.organization
	}
	workspace, err := find()
	if err != nil {
		return nil, err
	}
	l := Lifecycle{Type: kind, WorkspaceID: workspace, AppID: e.appID, EventID: e.eventID}
	for _, v := range e.event.Get("team_ids").All() {
		if id := identifier(v); id != "" && len(l.TeamIDs) < maxTeams {
			l.TeamIDs = append(l.TeamIDs, id)
		}
	}
	return l, nil
}
