package slack

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/konstruct/konstruct/message"
)

const maxPreview = 16 << 10 // bytes of a file's content in its attachment

// readFile reads Slack's file object, whose content is at address.
func readFile(v gjson.Result, address string) message.Attachment {
	field := func(name string) string { return text(v.Get(name)) }
	transcript := text(v.Get("transcription.preview.content"))
	a := message.Attachment{
		ID:        identifier(v.Get("id")),
		Name:      cut(cmp.Or(field("name"), field("title")), maxName),
		MediaType: cut(field("mimetype"), maxName),
		Size:      count(v.Get("size")),
		URL:       link(address),
		State:     fileState(v, address),
		IsVoice:   field("subtype") == "slack_audio",
		Text:      cut(cmp.Or(field("alt_txt"), transcript, field("plain_text"), field("preview")), maxPreview),
	}
	if a.State == message.FileDeleted {
		a.URL = ""
	}
	return a
}

func fileState(v gjson.Result, address string) message.FileState {
	mode, access := text(v.Get("mode")), text(v.Get("file_access"))
	switch {
	case mode == "tombstone", access == "file_not_found", readBool(v.Get("is_deleted")) == yes:
		return message.FileDeleted
	case access == "access_denied", strings.HasPrefix(mode, "hidden_by"):
		return message.FileUnavailable
	case mode == "external", text(v.Get("external_type")) != "", readBool(v.Get("is_external")) == yes,
		address != "" && !slackHost(address):
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
