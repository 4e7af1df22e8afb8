package slack

import (
	"cmp"

	"github.com/tidwall/gjson"

	"github.com/konstruct/konstruct/message"
)

const maxMessageBlocks = 16 // of one attachment; Slack sends one

// attachment is one of a message's attachments
// (https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments/): a program's card, the preview
// of a link, or a message that was forwarded, shared or quoted.
type attachment struct {
	posting // the fields it shares with messages

	pretext, title, titleLink, fallback, footer             string
	authorName, authorSubname, authorID, serviceName        string
	fromURL, originalURL, appUnfurlURL, imageURL, channelID string
	quote                                                   bool
	fields, actions, message, messageBlocks                 gjson.Result
}

func readAttachment(v gjson.Result) (a attachment) {
	for key, v := range v.All() {
		switch key.Str {
		case "pretext":
			a.pretext = text(v)
		case "title":
			a.title = text(v)
		case "title_link":
			a.titleLink = text(v)
		case "fallback":
			a.fallback = text(v)
		case "footer":
			a.footer = text(v)
		case "image_url":
			a.imageURL = text(v)
		case "fields":
			a.fields = v
		case "actions":
			a.actions = v
		case "message":
			a.message = v
			a.quote = a.quote || v.IsObject()
		case "message_blocks":
			a.messageBlocks = v
			a.quote = a.quote || v.IsArray()
		default:
			readOriginField(&a, key.Str, v)
		}
	}
	return a
}

func readOriginField(a *attachment, key string, v gjson.Result) {
	switch key {
	case "is_share", "is_msg_unfurl", "is_reply_unfurl", "is_thread_root_unfurl":
		a.quote = a.quote || readBool(v) == yes
	case "author_name":
		a.authorName = cut(text(v), maxName)
	case "author_subname":
		a.authorSubname = cut(text(v), maxName)
	case "author_id":
		a.authorID = identifier(v)
	case "service_name":
		a.serviceName = cut(text(v), maxName)
	case "from_url":
		a.fromURL = text(v)
	case "original_url":
		a.originalURL = text(v)
	case "app_unfurl_url":
		a.appUnfurlURL = text(v)
	case "channel_id":
		a.channelID = identifier(v)
	default:
		readPostingField(&a.posting, key, v)
	}
}

func (a attachment) kind() message.PartKind {
	switch {
	case a.quote:
		return message.PartQuote
	case a.fromURL != "", a.originalURL != "", a.appUnfurlURL != "":
		return message.PartPreview
	case a.blocks.IsArray() && lines(a.pretext, a.title, a.text, a.authorName) == "" && !a.fields.IsArray():
		return message.PartBlocks
	}
	return message.PartCard
}

// attachments reads a list of attachments. addressed is nil inside a quotation, which addresses no one.
func (c *collector) attachments(list gjson.Result, addressed *mentionList, depth int) (parts []message.Part) {
	if !list.IsArray() {
		return nil
	}
	for _, v := range list.All() {
		if !v.IsObject() {
			continue
		}
		if !c.takePart(depth) {
			return parts
		}
		if p, ok := c.attachment(readAttachment(v), addressed, depth); ok {
			parts = append(parts, p)
		}
	}
	return parts
}

// quoted reads a message inside an attachment.
func (c *collector) quoted(p posting, depth int) []message.Part {
	if !c.takePart(depth) {
		return nil
	}
	a := attachment{posting: p, quote: true, authorID: p.user, authorName: p.displayName()}
	if part, ok := c.attachment(a, nil, depth); ok {
		return []message.Part{part}
	}
	return nil
}

// takePart reports whether one more part is allowed at depth.
func (c *collector) takePart(depth int) bool {
	if depth > message.MaxPartDepth {
		c.truncated = true
		return false
	}
	return c.take(&c.parts)
}

// attachment returns false for an empty attachment.
func (c *collector) attachment(a attachment, addressed *mentionList, depth int) (message.Part, bool) {
	p := message.Part{
		Kind: a.kind(), Link: link(a.fromURL, a.titleLink, a.originalURL, a.appUnfurlURL), Author: c.author(a),
		Timestamp: a.ts.at,
	}
	mentions := addressed
	if p.Kind == message.PartQuote || p.Kind == message.PartPreview {
		addressed, mentions = nil, nil
	}
	if mentions == nil {
		mentions = &mentionList{own: c.own}
	}
	if p.Kind == message.PartQuote {
		p.ChannelID, p.MessageID = a.channelID, a.ts.id
	}
	p.AttachmentIDs = c.addFiles(c.addFiles(nil, a.files), a.file)
	p.Text = c.attachmentText(a, p.Kind, mentions, &p)
	p.Parts = c.attachments(a.attachments, addressed, depth+1)
	if a.message.IsObject() {
		p.Parts = append(p.Parts, c.quoted(readPosting(a.message), depth+1)...)
	}
	c.addMessages(&p, a.messageBlocks, mentions, depth)
	hasContent := func() bool { return p.Text != "" || len(p.Parts) > 0 || len(p.AttachmentIDs) > 0 }
	if !hasContent() {
		p.Text = c.plain(a.fallback, mentions)
	}
	if mentions != addressed {
		p.Mentions = mentions.list
	}
	return p, hasContent()
}

// addMessages adds the content of message_blocks to part, without repetition.
func (c *collector) addMessages(part *message.Part, list gjson.Result, mentions *mentionList, depth int) {
	if !list.IsArray() {
		return
	}
	for i, block := range list.All() {
		if i.Num >= maxMessageBlocks {
			c.truncated = true
			return
		}
		p := readPosting(block.Get("message"))
		b := c.body(p.text, p.blocks, mentions)
		part.Text = merge(part.Text, b.merged())
		part.AttachmentIDs = c.addFiles(union(part.AttachmentIDs, b.files...), p.files)
		part.Parts = append(part.Parts, c.attachments(p.attachments, nil, depth+1)...)
	}
}

// attachmentText writes an attachment's text in the order in which Slack shows it.
func (c *collector) attachmentText(a attachment, kind message.PartKind, mentions *mentionList, p *message.Part) string {
	w := &writer{budget: c.budget, mentions: mentions, labels: true}
	w.mrkdwn(a.pretext)
	if kind != message.PartQuote {
		for _, name := range []string{a.serviceName, a.authorName, a.authorSubname} {
			w.separate("\n")
			w.write(unescape(name))
		}
	}
	w.separate("\n")
	w.link(a.titleLink, unescape(a.title))
	b := c.body(a.text, a.blocks, mentions)
	p.AttachmentIDs = union(p.AttachmentIDs, b.files...)
	w.separate("\n")
	w.bytes += len(b.text) + len(b.blocks) // counted again by w.write
	w.write(b.merged())
	for _, field := range a.fields.All() {
		if !w.take(&w.nodes) {
			break
		}
		w.separate("\n")
		title, value := text(field.Get("title")), text(field.Get("value"))
		if title != "" && value != "" {
			title += ": "
		}
		w.write(unescape(title))
		w.mrkdwn(value)
	}
	if a.imageURL != "" {
		w.separate("\n")
		w.link(link(a.imageURL), "[image]")
	}
	w.separate("\n")
	w.each(a.actions, 0, " ")
	w.separate("\n")
	w.write(unescape(a.footer))
	return w.out.String()
}

func (c *collector) author(a attachment) *message.SenderInfo {
	author := message.SenderInfo{
		ID:          cmp.Or(a.authorID, a.botID),
		DisplayName: cut(cmp.Or(a.authorName, a.authorSubname), maxName),
	}
	if author == (message.SenderInfo{}) {
		return nil
	}
	author.IsSelf = c.own != "" && author.ID == c.own
	author.IsSystem = posting{user: a.authorID, botID: a.botID}.bySlack()
	author.IsBot = author.IsSelf || author.IsSystem || a.botID != ""
	return &author
}

// link returns the first non-empty candidate, or "" if it is too long.
func link(candidates ...string) string {
	if s := cmp.Or(candidates...); len(s) <= maxLink {
		return s
	}
	return ""
}
