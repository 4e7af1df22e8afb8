package slack

import (
	"slices"
	"strings"

	"github.com/slack-go/slack/slackevents"
	"github.com/tidwall/gjson"

	"github.com/konstruct/konstruct/message"
)

// Limits of short texts, in bytes. Slack's own are far below.
const (
	maxName = 1 << 10
	maxLink = 8 << 10
)

// gatherer puts a message's content together.
type gatherer struct {
	*budget

	own   string // our app's user
	files []message.Attachment
	seen  map[string]bool // files by id
}

// content reads what p says: its text, its blocks, what is attached to it, and whom it addresses.
func (e envelope) content(event messageEvent, p posting) message.MessageContent {
	g := &gatherer{budget: newBudget(), own: e.ownUser(), files: []message.Attachment{}}
	addressed := &mentionList{own: g.own, list: []message.Mention{}}
	g.addFiles(nil, p.files)
	g.addFiles(nil, p.file)
	said := g.words(p.text, p.blocks, addressed)
	parts := g.attached(p.attachments, addressed, 1)
	plain := plainText(said.both(), parts)
	if said.blocks != "" {
		parts = append([]message.Part{{Kind: message.PartBlocks, Text: said.blocks, AttachmentIDs: said.files}}, parts...)
	}
	c := message.MessageContent{
		Text: cut(p.text, message.MaxText), PlainText: cut(plain, message.MaxText),
		Parts: parts, Mentions: addressed.list, Attachments: g.files,
	}
	c.Truncated = g.truncated || len(c.Text) < len(p.text) || len(c.PlainText) < len(plain)
	// An app_mention addresses us. But it may be meant for the same app as another company installed it, so if we know our
	// user and somebody is mentioned, the mentions decide.
	implied := event.kind == string(slackevents.AppMention) && (g.own == "" || !g.usersMentioned)
	c.MentionsSelf = addressed.self || implied
	return c
}

// words is what a posting or an attachment says itself.
type words struct {
	text   string   // the text, plain
	blocks string   // the blocks, plain; "" if they only repeat the text
	files  []string // the ids of files that stand in blocks
}

// words reads a text and the blocks beside it. Slack's clients send a message twice, as text and as a rich_text block;
// programs send a layout, and a summary of it for notifications.
func (g *gatherer) words(text string, blocks gjson.Result, mentions *mentionList) (said words) {
	said.text = g.plain(text, mentions)
	if !blocks.IsArray() {
		return said
	}
	w := &writer{budget: g.budget, mentions: mentions, labels: true}
	w.file = func(f file) { said.files = g.addFile(said.files, f) }
	w.blocks(blocks)
	said.blocks = w.out.String()
	if text != "" && skeleton(said.blocks) == skeleton(unlabeled(text)) {
		said.blocks = ""
	}
	return said
}

// both is the text and the blocks.
func (w words) both() string { return merge(w.text, w.blocks) }

// unlabeled is a text in plain form with ids instead of names, as rich text has them.
func unlabeled(mrkdwn string) string {
	w := &writer{budget: newBudget()}
	w.mrkdwn(mrkdwn)
	return w.out.String()
}

func (g *gatherer) plain(mrkdwn string, mentions *mentionList) string {
	w := &writer{budget: g.budget, mentions: mentions, labels: true}
	w.mrkdwn(mrkdwn)
	return w.out.String()
}

// addFiles adds a list of files, or the one file of older messages, and their ids to ids.
func (g *gatherer) addFiles(ids []string, v gjson.Result) []string {
	if v.IsObject() {
		return g.addFile(ids, readFile(v))
	}
	if !v.IsArray() {
		return ids
	}
	for _, one := range v.All() {
		if !g.take(&g.nodes) {
			break
		}
		if one.IsObject() {
			ids = g.addFile(ids, readFile(one))
		}
	}
	return ids
}

// addFile adds f to the message's files and its id to ids, unless they are there. A file without an id is nothing that
// could be asked for.
func (g *gatherer) addFile(ids []string, f file) []string {
	if f.id == "" {
		return ids
	}
	if !g.seen[f.id] {
		if !g.take(&g.budget.files) {
			return ids
		}
		if g.seen == nil {
			g.seen = map[string]bool{}
		}
		g.seen[f.id] = true
		g.files = append(g.files, f.attachment())
	}
	return union(ids, f.id)
}

// union adds ids to a list that has none twice.
func union(list []string, ids ...string) []string {
	for _, id := range ids {
		if !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}

// plainText is all that a reader sees: the message's own words, then its parts.
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
		s = lines(firstOf(p.Author.DisplayName, p.Author.ID)+":", s)
	}
	return quote(s)
}

// lines joins what is not empty.
func lines(texts ...string) string {
	var kept []string
	for _, s := range texts {
		if s != "" {
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, "\n")
}
