package slack

import (
	"cmp"
	"strings"

	slackapi "github.com/slack-go/slack"
	"github.com/tidwall/gjson"

	"github.com/konstruct/konstruct/message"
)

// Slack's own users, USLACKBOT and USLACK, are the same in every workspace.
const (
	systemUserPrefix = "USLACK"
	slackbotBot      = "B01" // Slackbot's bot id, which sends reminders
)

// sender returns the author of p. The ID is empty if p names neither a user nor a bot.
func (e envelope) sender(p posting) message.SenderInfo {
	self, workspace := e.isSelf(p), p.workspace()
	if workspace == "" {
		p.team = e.teamID // where the event arose; the author is not assumed to be a colleague
	}
	return message.SenderInfo{
		ID:          cmp.Or(p.user, p.botID),
		DisplayName: p.displayName(),
		WorkspaceID: workspace,
		IsBot:       self || p.byProgram(),
		IsSelf:      self,
		IsSystem:    p.bySlack(),
		IsExternal:  !self && e.external(p),
	}
}

func (p posting) displayName() string {
	of := func(field string) string { return text(p.profile.Get(field)) }
	return cut(cmp.Or(of("display_name"), of("real_name"), of("name"), text(p.bot.Get("name")), p.username), maxName)
}

// workspace returns the author's workspace or organization. team is last because in a shared channel it may be the
// channel's host.
func (p posting) workspace() string {
	return cmp.Or(p.userTeam, p.sourceTeam, profileTeam(p.profile), profileTeam(p.bot), p.team)
}

func profileTeam(v gjson.Result) string {
	return cmp.Or(identifier(v.Get("team")), identifier(v.Get("team_id")))
}

func (p posting) bySlack() bool {
	return strings.HasPrefix(p.user, systemUserPrefix) || p.user == "" && p.botID == slackbotBot
}

// byProgram reports whether a program wrote p. A person's posting always names a user.
func (p posting) byProgram() bool {
	return p.user == "" || p.botID != "" || p.bot.IsObject() || p.bySlack() ||
		p.subtype == slackapi.MsgSubTypeBotMessage
}

// isSelf reports whether our app posted p, under its own user or another. The same app installed by another company,
// which can post in a shared channel, is not ours.
func (e envelope) isSelf(p posting) bool {
	if own := e.ownUser(); own != "" && p.user == own {
		return true
	}
	ours := e.appID != "" && (p.appID == e.appID || identifier(p.bot.Get("app_id")) == e.appID)
	return ours && !e.external(p)
}

// external reports whether p's author belongs to another company than the installation. Other workspaces of the same
// organization (Enterprise Grid) are not external.
func (e envelope) external(p posting) bool {
	if !e.shared {
		return false
	}
	theirs := p.workspace()
	if theirs == "" || theirs == e.authorization.teamID || theirs == e.authorization.enterpriseID {
		return false
	}
	// The envelope has the ids of the workspace in which the event arose.
	sameOrganization := e.authorization.enterpriseID != "" && e.enterpriseID == e.authorization.enterpriseID &&
		theirs == e.teamID
	return !sameOrganization
}
