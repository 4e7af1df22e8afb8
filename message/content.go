package message

import "time"

// MessageContent is the content of a message.
type MessageContent struct {
	// Text is in the channel's markup (Slack: escaped mrkdwn). It may be empty: programs send messages of parts alone.
	Text string `json:"text"`
	// PlainText is everything a reader sees, without markup: text, parts and quotations, whose lines are prefixed by ">
	// ".
	PlainText string `json:"plain_text,omitempty"`
	// Parts are beside the text: blocks, cards, previews and quoted messages.
	Parts []Part `json:"parts,omitempty"`
	// Mentions lists distinct mentions in order. Mentions in a quotation address no one and are listed in its part.
	Mentions []Mention `json:"mentions"`
	// MentionsSelf reports that the message mentions our app.
	MentionsSelf bool `json:"mentions_self"`
	// Attachments lists all files, including those of quoted messages.
	Attachments []Attachment `json:"attachments"`
	// ActionValue is the value of the button or list item that the sender chose.
	ActionValue string `json:"action_value,omitempty"`
	// Truncated reports that a limit of this package cut the content.
	Truncated bool `json:"truncated,omitempty"`
}

// Part is content beside a message's text. [PartBlocks] and [PartCard] are the sender's; [PartPreview] and [PartQuote]
// are not.
type Part struct {
	Kind PartKind `json:"kind"`
	// Text is plain, without the texts of nested Parts.
	Text string `json:"text"`
	// Author is the author of a quote or card, if known.
	Author *SenderInfo `json:"author,omitempty"`
	// Link is the URL of the original.
	Link string `json:"link,omitempty"`
	// ChannelID and MessageID identify a quoted message in the channel. Timestamp is its time, or a card's.
	ChannelID string    `json:"channel_id,omitempty"`
	MessageID string    `json:"message_id,omitempty"`
	Timestamp time.Time `json:"timestamp,omitzero"`
	// Mentions lists the mentions in a preview or quotation, which address no one.
	Mentions []Mention `json:"mentions,omitempty"`
	// AttachmentIDs refer to [MessageContent.Attachments].
	AttachmentIDs []string `json:"attachment_ids,omitempty"`
	// Parts are nested, such as a message quoted in a quoted message.
	Parts []Part `json:"parts,omitempty"`
}

// Mention is a user, group or broadcast mentioned in a text.
type Mention struct {
	// ID is the channel's id; for a broadcast here, channel or everyone.
	ID string `json:"id"`
	// Kind is empty for a user.
	Kind   MentionKind `json:"kind,omitempty"`
	IsSelf bool        `json:"is_self"`
}

// Attachment is a reference to a file.
type Attachment struct {
	ID        string `json:"id"`
	Name      string `json:"name,omitempty"`
	MediaType string `json:"media_type,omitempty"`
	Size      int64  `json:"size,omitempty"` // bytes; 0 if unknown
	// URL serves the file. The channel's token may be sent there only if State is [FileFetchable]. Request a fetchable
	// file without a URL by its ID (Slack: files.info; WhatsApp: GET /<media id>).
	URL   string    `json:"url,omitempty"`
	State FileState `json:"state,omitempty"`
	// SHA256 is the digest as the channel writes it.
	SHA256 string `json:"sha256,omitempty"`
	// IsVoice reports a recording to be transcribed.
	IsVoice bool `json:"is_voice,omitempty"`
	// Text is an image's description, a recording's transcript or a snippet's beginning, if in the event.
	Text string `json:"text,omitempty"`
}
