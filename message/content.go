package message

import "time"

// MessageContent is what was said.
type MessageContent struct {
	// Text is in the channel's own markup (Slack: mrkdwn with its escapes), valid UTF-8, possibly empty: a program's
	// message may consist of parts alone.
	Text string `json:"text"`
	// PlainText is everything a reader of the channel sees, without markup: text, parts and quotations, with quoted lines
	// prefixed by "> ".
	PlainText string `json:"plain_text,omitempty"`
	// Parts are what stands beside the text: laid-out blocks, cards, previews and quoted messages.
	Parts []Part `json:"parts,omitempty"`
	// Mentions lists each user, group or broadcast that the message addresses once, in order of appearance. Mentions
	// inside a quotation address no one and are listed in its part.
	Mentions []Mention `json:"mentions"`
	// MentionsSelf reports that our app is addressed.
	MentionsSelf bool `json:"mentions_self"`
	// Attachments lists the files, those of quoted messages included.
	Attachments []Attachment `json:"attachments"`
	// ActionValue is what the program put behind the button or list item that the sender chose.
	ActionValue string `json:"action_value,omitempty"`
	// Truncated reports that a limit of this package cut text, parts, mentions or attachments.
	Truncated bool `json:"truncated,omitempty"`
}

// Part is content beside a message's text. It is the sender's own words if Kind is [PartBlocks] or [PartCard], and
// somebody else's if it is [PartPreview] or [PartQuote].
type Part struct {
	Kind PartKind `json:"kind"`
	// Text is plain text, without the texts of nested Parts.
	Text string `json:"text"`
	// Author is who wrote a quoted message or is named on a card, if known.
	Author *SenderInfo `json:"author,omitempty"`
	// Link is where the original is found.
	Link string `json:"link,omitempty"`
	// ChannelID and MessageID are the channel's own ids of a quoted message. Timestamp is its time, or a card's.
	ChannelID string    `json:"channel_id,omitempty"`
	MessageID string    `json:"message_id,omitempty"`
	Timestamp time.Time `json:"timestamp,omitzero"`
	// Mentions lists who is mentioned in a preview or quotation, which addresses no one.
	Mentions []Mention `json:"mentions,omitempty"`
	// AttachmentIDs name the files of this part in [MessageContent.Attachments].
	AttachmentIDs []string `json:"attachment_ids,omitempty"`
	// Parts are nested: a message quoted in a quoted message.
	Parts []Part `json:"parts,omitempty"`
}

// Mention is one user, group or broadcast addressed in a text.
type Mention struct {
	// ID is the channel's id; for a broadcast its name: here, channel or everyone.
	ID string `json:"id"`
	// Kind is empty for a user.
	Kind MentionKind `json:"kind,omitempty"`
	// IsSelf reports that it is our app.
	IsSelf bool `json:"is_self"`
}

// Attachment is one file, by reference.
type Attachment struct {
	ID        string `json:"id"`
	Name      string `json:"name,omitempty"`
	MediaType string `json:"media_type,omitempty"`
	Size      int64  `json:"size,omitempty"` // bytes; 0 if unknown
	// URL serves the file. Only if State is [FileFetchable] may the channel's token be sent there. A fetchable file without
	// a URL is asked for by ID (Slack: files.info; WhatsApp: GET /<media id>).
	URL   string    `json:"url,omitempty"`
	State FileState `json:"state,omitempty"`
	// SHA256 is the file's digest as the channel writes it.
	SHA256 string `json:"sha256,omitempty"`
	// IsVoice reports a recording to be transcribed rather than a file.
	IsVoice bool `json:"is_voice,omitempty"`
	// Text is what the event tells of the content: an image's description, a recording's transcript, a snippet's
	// beginning.
	Text string `json:"text,omitempty"`
}
