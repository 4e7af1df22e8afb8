package slack

import "github.com/tidwall/gjson"

// posting is a message as Slack writes it: the event itself, or the message and previous_message of an edit or
// deletion. Blocks, attachments and files are parsed when needed.
type posting struct {
	found       bool // it is an object
	subtype     string
	ts          timestamp
	threadTS    timestamp
	text        string
	edited      timestamp // the author's last edit
	user        string
	username    string
	profile     gjson.Result // a user_profile
	botID       string
	appID       string
	bot         gjson.Result // a bot_profile
	team        string
	userTeam    string
	sourceTeam  string
	parentUser  string
	root        gjson.Result
	pins        pins
	blocks      gjson.Result
	attachments gjson.Result
	files       gjson.Result
	file        gjson.Result
}

// pins is where a posting is pinned, as raw JSON.
type pins struct{ to, info string }

func readPosting(v gjson.Result) (p posting) {
	if !v.IsObject() {
		return p
	}
	p.found = true
	for key, v := range v.All() {
		readPostingField(&p, key.Str, v)
	}
	return p
}

func readPostingField(p *posting, key string, v gjson.Result) {
	switch key {
	case "subtype":
		p.subtype = label(v)
	case "ts":
		p.ts = readTS(v)
	case "thread_ts":
		p.threadTS = readTS(v)
	case "text":
		p.text = text(v)
	case "edited":
		if v.IsObject() {
			p.edited = readTS(v.Get("ts"))
		}
	case "parent_user_id":
		p.parentUser = identifier(v)
	case "root":
		p.root = v
	case "pinned_to":
		p.pins.to = v.Raw
	case "pinned_info":
		p.pins.info = v.Raw
	case "blocks":
		p.blocks = v
	case "attachments":
		p.attachments = v
	case "files":
		p.files = v
	case "file":
		p.file = v
	default:
		readAuthorField(p, key, v)
	}
}

func readAuthorField(p *posting, key string, v gjson.Result) {
	switch key {
	case "user":
		p.user = identifier(v)
	case "username":
		p.username = text(v)
	case "user_profile":
		p.profile = v
	case "bot_id":
		p.botID = identifier(v)
	case "app_id":
		p.appID = identifier(v)
	case "bot_profile":
		p.bot = v
	case "team":
		p.team = identifier(v)
	case "user_team":
		p.userTeam = identifier(v)
	case "source_team":
		p.sourceTeam = identifier(v)
	}
}
