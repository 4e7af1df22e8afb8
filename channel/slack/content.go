package slack

import (
	"cmp"
	"slices"
	"strings"

	"github.com/slack-go/slack/slackevents"
	"github.com/tidwall/gjson"

	"github.com/konstruct/konstruct/message"
)

// Limits of short texts, in bytes. Slack's are far lower.
const (
	maxName = 1 << 10
	maxLink = 8 << 10
)

// collector collects a message's content.
type collector struct {
	*budget

	own   string // our app's user
	files []message.Attachment
	seen  map[string]bool // ids of files
}

// content reads the text, blocks, attachments and mentions of p.
func (e envelope) content(event messageEvent, p posting) message.MessageContent {
	c := &collector{budget: newBudget(), own: e.ownUser(), files: []message.Attachment{}, seen: map[string]bool{}}
	addressed := &mentionList{own: c.own, list: []message.Mention{}}
	c.addFiles(nil, p.files)
	c.addFiles(nil, p.file)
	b := c.body(p.text, p.blocks, addressed)
	parts := c.attachments(p.attachments, addressed, 1)
	plain := plainText(b.merged(), parts)
	if b.blocks != "" {
		parts = append([]message.Part{{Kind: message.PartBlocks, Text: b.blocks, AttachmentIDs: b.files}}, parts...)
	}
	content := message.MessageContent{
		Text: cut(p.text, message.MaxText), PlainText: cut(plain, message.MaxText),
		Parts: parts, Mentions: addressed.list, Attachments: c.files,
	}
	content.Truncated = c.truncated || len(content.Text) < len(p.text) || len(content.PlainText) < len(plain)
	// An app_mention may be meant for the same app installed by another company. So if our user is known and any user
	// is mentioned, the mentions decide.
	implied := event.kind == string(slackevents.AppMention) && (c.own == "" || !c.usersMentioned)
	content.MentionsSelf = addressed.self || implied
	return content
}

// body is the text of a posting or an attachment, without its attachments.
type body struct {
	text   string   // plain
	blocks string   // plain; "" if they only repeat the text
	files  []string // ids of files in blocks
}

// body reads a text and its blocks. Slack's clients send a message twice, as text and as a rich_text block; programs
// send a layout and a summary for notifications.
func (c *collector) body(text string, blocks gjson.Result, mentions *mentionList) (b body) {
	b.text = c.plain(text, mentions)
	if !blocks.IsArray() {
		return b
	}
	w := c.writer(mentions)
	w.file = func(f message.Attachment) { b.files = c.addFile(b.files, f) }
	w.each(blocks, 0, "\n")
	b.blocks = w.out.String()
	if text != "" && bareWords(b.blocks) == bareWords(unlabeled(text)) {
		b.blocks = ""
	}
	return b
}

// merged returns the text and the blocks without repetition.
func (b body) merged() string { return merge(b.text, b.blocks) }

// unlabeled returns mrkdwn as plain text with ids instead of names, as rich text has them.
func unlabeled(mrkdwn string) string {
	w := &writer{budget: newBudget()}
	w.mrkdwn(mrkdwn)
	return w.out.String()
}

func (c *collector) plain(mrkdwn string, mentions *mentionList) string {
	w := c.writer(mentions)
	w.mrkdwn(mrkdwn)
	return w.out.String()
}

func (c *collector) writer(mentions *mentionList) *writer {
	return &writer{budget: c.budget, mentions: mentions, labels: true}
}

// addFiles adds a list of files, or the single file of older messages, and returns ids with their ids.
func (c *collector) addFiles(ids []string, v gjson.Result) []string {
	if v.IsObject() {
		return c.addFile(ids, readFile(v, text(v.Get("url_private"))))
	}
	if !v.IsArray() {
		return ids
	}
	for _, one := range v.All() {
		if !c.take(&c.nodes) {
			break
		}
		if one.IsObject() {
			ids = c.addFiles(ids, one)
		}
	}
	return ids
}

// addFile adds f to the message's files and its id to ids, if missing. A file without an id cannot be fetched.
func (c *collector) addFile(ids []string, f message.Attachment) []string {
	switch {
	case f.ID == "":
		return ids
	case c.seen[f.ID]:
	case !c.take(&c.budget.files):
		return ids
	default:
		c.seen[f.ID] = true
		c.files = append(c.files, f)
	}
	return union(ids, f.ID)
}

// union appends the ids that list lacks.
func union(list []string, ids ...string) []string {
	for _, id := range ids {
		if !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}

// plainText returns all that a reader sees: the message's text, then its parts.
func plainText(own string, parts []message.Part) string {
	all := []string{own}
	for _, p := range parts {
		all = append(all, plainPart(p))
	}
	return lines(all...)
}

func plainPart(p message.Part) string {
	s := plainText(p.Text, p.Parts)
	if p.Kind != message.PartQuote && p.Kind != message.PartPreview {
		return s
	}
	if p.Author != nil {
		s = lines(cmp.Or(p.Author.DisplayName, p.Author.ID)+":", s)
	}
	return quote(s)
}

// lines joins the non-empty texts.
func lines(texts ...string) string {
	empty := func(s string) bool { return s == "" }
	return strings.Join(slices.DeleteFunc(texts, empty), "\n")
}
