package slack

import (
	slackapi "github.com/slack-go/slack"

	"github.com/konstruct/konstruct/message"
)

// slackbot is the user id of Slack's own robot in every workspace.
const slackbot = "USLACKBOT"

// sender tells who wrote p. The ID is empty when p names neither a user nor a bot.
func (e envelope) sender(p posting) message.SenderInfo {
	self := e.wroteIt(p)
	// In a shared channel team may be the conversation's host; the first two are the person's.
	workspace := firstOf(p.UserTeam, p.SourceTeam, p.userProfile().Team, p.Team, p.botProfile().TeamID)
	if !plain(workspace) {
		workspace = ""
	}
	return message.SenderInfo{
		ID: firstOf(p.User, p.BotID),
		DisplayName: firstOf(p.userProfile().DisplayName, p.userProfile().RealName, p.userProfile().Name,
			p.botProfile().Name, p.Username),
		WorkspaceID: workspace,
		IsBot: self || p.BotID != "" || p.BotProfile != nil || p.User == slackbot ||
			p.Subtype == slackapi.MsgSubTypeBotMessage,
		IsSelf: self,
	}
}

// wroteIt reports whether our app posted p, under its own user or any other: either sign suffices, since a missed
// one is an endless conversation with ourselves.
func (e envelope) wroteIt(p posting) bool {
	if own := e.ownUser(); own != "" && p.User == own {
		return true
	}
	return e.APIAppID != "" && (p.AppID == e.APIAppID || p.botProfile().AppID == e.APIAppID)
}

func firstOf(candidates ...string) string {
	for _, c := range candidates {
		if c != "" {
			return c
		}
	}
	return ""
}
