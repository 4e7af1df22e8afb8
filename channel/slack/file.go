package slack

import (
	"net/url"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/konstruct/konstruct/message"
)

const maxPreview = 16 << 10 // bytes of a file's content in its attachment

// file holds the fields we use of Slack's file object.
type file struct {
	id, name, title, mimeType, subtype, mode, access string
	externalType, privateURL, alt, transcript        string
	preview                                          string
	size                                             int64
	external, deleted                                boolean
}

func readFile(v gjson.Result) (f file) {
	for key, v := range v.All() {
		switch key.Str {
		case "id":
			f.id = identifier(v)
		case "name":
			f.name = cut(text(v), maxName)
		case "title":
			f.title = cut(text(v), maxName)
		case "mimetype":
			f.mimeType = cut(text(v), maxName)
		case "subtype":
			f.subtype = text(v)
		case "mode":
			f.mode = text(v)
		case "file_access":
			f.access = text(v)
		case "external_type":
			f.externalType = text(v)
		case "url_private":
			f.privateURL = text(v)
		case "alt_txt":
			f.alt = text(v)
		case "transcription":
			f.transcript = text(v.Get("preview.content"))
		case "plain_text", "preview":
			f.preview = firstOf(f.preview, text(v))
		case "size":
			f.size = count(v)
		case "is_external":
			f.external = readBool(v)
		case "is_deleted":
			f.deleted = readBool(v)
		}
	}
	return f
}

func (f file) attachment() message.Attachment {
	a := message.Attachment{
		ID: f.id, Name: firstOf(f.name, f.title), MediaType: f.mimeType, Size: f.size, URL: link(f.privateURL),
		State: f.state(), IsVoice: f.subtype == "slack_audio",
		Text: cut(firstOf(f.alt, f.transcript, f.preview), maxPreview),
	}
	if a.State == message.FileDeleted {
		a.URL = ""
	}
	return a
}

func (f file) state() message.FileState {
	switch {
	case f.mode == "tombstone", f.access == "file_not_found", f.deleted == yes:
		return message.FileDeleted
	case f.access == "access_denied", strings.HasPrefix(f.mode, "hidden_by"):
		return message.FileUnavailable
	case f.external == yes, f.mode == "external", f.externalType != "",
		f.privateURL != "" && !slackHost(f.privateURL):
		return message.FileExternal
	}
	return message.FileFetchable
}

// slackHost reports whether a bot's token may be sent to address.
func slackHost(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" {
		return false
	}
	host := strings.ToLower(u.Host)
	if strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
		return false // a client may treat a character that looks like a slash as one
	}
	return strings.HasSuffix(host, ".slack.com") || strings.HasSuffix(host, ".slack-gov.com")
}
