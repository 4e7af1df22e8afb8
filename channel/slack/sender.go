package slack

import (
	"strings"

	slackapi "github.com/slack-go/slack"

	"github.com/konstruct/konstruct/message"
)

// Slack's own users are the same in every workspace: USLACKBOT, USLACK.
const (
	systemUserPrefix = "USLACK"
	slackbotBot      = "B01" // Slackbot's bot id, under which reminders come
)

// sender says who wrote p. The ID is empty if p names neither a user nor a bot.
func (e envelope) sender(p posting) message.SenderInfo {
	self, workspace := e.wroteIt(p), p.workspace()
	if workspace == "" {
		p.team = e.teamID // where the event arose: better than to take a stranger for a colleague
	}
	return message.SenderInfo{
		ID:          firstOf(p.user, p.botID),
		DisplayName: p.displayName(),
		WorkspaceID: workspace,
		IsBot:       self || p.byProgram(),
		IsSelf:      self,
		IsSystem:    p.bySlack(),
		IsExternal:  !self && e.foreign(p),
	}
}

func (p posting) displayName() string {
	return cut(firstOf(p.profile.displayName, p.profile.realName, p.profile.name, p.bot.name, p.username), maxName)
}

// workspace is the author's own workspace or organization. In a shared channel team may be the channel's host, so it
// comes after what is the author's.
func (p posting) workspace() string {
	return firstOf(p.userTeam, p.sourceTeam, p.profile.team, p.bot.team, p.team)
}

func (p posting) bySlack() bool {
	return strings.HasPrefix(p.user, systemUserPrefix) || p.user == "" && p.botID == slackbotBot
}

// byProgram also holds for a posting that names no user: a person's always does.
func (p posting) byProgram() bool {
	return p.user == "" || p.botID != "" || p.isBot || p.bySlack() || p.subtype == slackapi.MsgSubTypeBotMessage
}

// wroteIt reports whether our app posted p, under its own user or another. The same app installed by another company,
// which a shared channel can bring along, is not ours.
func (e envelope) wroteIt(p posting) bool {
	if own := e.ownUser(); own != "" && p.user == own {
		return true
	}
	ours := e.appID != "" && (p.appID == e.appID || p.bot.appID == e.appID)
	return ours && !e.foreign(p)
}

// foreign reports whether p's author belongs to another company than the installation. Within an organization
// (Enterprise Grid) other workspaces are not foreign.
func (e envelope) foreign(p posting) bool {
	if !e.shared {
		return false
	}
	theirs := p.workspace()
	if theirs == "" || theirs == e.authorization.teamID || theirs == e.authorization.enterpriseID {
		return false
	}
	if own := e.ownUser(); own != "" && p.user == own {
		return false
	}
	// The envelope's ids are those of the workspace the event arose in.
	sameOrganization := e.authorization.enterpriseID != "" && e.enterpriseID == e.authorization.enterpriseID && theirs == e.teamID
	return !sameOrganization
}
