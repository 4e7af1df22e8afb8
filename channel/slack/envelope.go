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
func readAuthorization(list gjson.Result) (a authorization) {
	if !list.IsArray() {
		return authorization{}
	}
	for key, v := range list.Get("0").All() {
		switch key.Str {
		case "team_id":
			a.teamID = identifier(v)
		case "enterprise_id":
			a.enterpriseID = identifier(v)
		case "user_id":
			a.userID = identifier(v)
		case "is_bot":
			a.bot = readBool(v)
		case "is_enterprise_install":
			a.enterpriseInstall = readBool(v)
		}
	}
	return a
}

// workspace returns the installation's id. See the package documentation for the rule.
func (e envelope) workspace() (string, error) {
	team, enterprise, install := e.authorization.teamID, e.authorization.enterpriseID, e.authorization.enterpriseInstall
	if !e.authorized {
		if e.shared || e.contextTeamID != "" && e.contextTeamID != e.teamID {
			return "", fmt.Errorf("%w: a shared channel without authorizations", ErrNoWorkspace)
		}
		team, enterprise, install = e.teamID, e.enterpriseID, e.enterpriseInstall
	}
	id := team
	switch install {
	case yes:
		id = enterprise
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

// isEnterpriseInstall reports whether workspace returned the organization.
func (e envelope) isEnterpriseInstall() bool {
	if e.authorized {
		return e.authorization.enterpriseInstall == yes
	}
	return e.enterpriseInstall == yes
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
