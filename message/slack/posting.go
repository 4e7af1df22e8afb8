package slack

import "github.com/konstruct/konstruct/message"

// posting is a message as Slack writes it: the event itself or, inside an edit or a deletion, the message after
// and before. Only what we use is read, so that a field of an unexpected shape elsewhere costs nothing.
type posting struct {
	Subtype     string       `json:"subtype"`
	TS          string       `json:"ts"`
	ThreadTS    string       `json:"thread_ts"`
	Text        string       `json:"text"`
	Files       []file       `json:"files"`
	Edited      *edition     `json:"edited"`
	User        string       `json:"user"`
	Username    string       `json:"username"`
	UserProfile *userProfile `json:"user_profile"`
	BotID       string       `json:"bot_id"`
	AppID       string       `json:"app_id"`
	BotProfile  *botProfile  `json:"bot_profile"`
	Team        string       `json:"team"`
	UserTeam    string       `json:"user_team"`
	SourceTeam  string       `json:"source_team"`
}

type edition struct {
	TS string `json:"ts"`
}

type userProfile struct {
	DisplayName string `json:"display_name"`
	RealName    string `json:"real_name"`
	Name        string `json:"name"`
	Team        string `json:"team"`
}

type botProfile struct {
	Name   string `json:"name"`
	AppID  string `json:"app_id"`
	TeamID string `json:"team_id"`
}

type file struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	MimeType   string `json:"mimetype"`
	Size       int64  `json:"size"`
	URLPrivate string `json:"url_private"`
}

// editedTS is when a person last edited the posting; "" for never. Slack writes an empty object, too.
func (p posting) editedTS() string {
	if p.Edited == nil {
		return ""
	}
	return p.Edited.TS
}

func (p posting) userProfile() userProfile {
	if p.UserProfile == nil {
		return userProfile{}
	}
	return *p.UserProfile
}

func (p posting) botProfile() botProfile {
	if p.BotProfile == nil {
		return botProfile{}
	}
	return *p.BotProfile
}

func (p posting) attachments() []message.Attachment {
	list := make([]message.Attachment, 0, len(p.Files))
	for _, f := range p.Files {
		if !plain(f.ID) {
			continue // nothing that could be fetched
		}
		list = append(list, message.Attachment{
			ID: f.ID, Name: f.Name, MediaType: f.MimeType, Size: max(f.Size, 0), URL: f.URLPrivate,
		})
	}
	return list
}
