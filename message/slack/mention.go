package slack

import (
	"strings"

	"github.com/konstruct/konstruct/message"
)

// mentions finds the users in a text, "<@U123>" or "<@U123|name>", each once, in order. What a person merely types
// can't look like this: Slack escapes the angle brackets of a text.
func mentions(text, own string) []message.Mention {
	list := []message.Mention{}
	seen := map[string]bool{}
	for {
		_, rest, found := strings.Cut(text, "<@")
		if !found {
			return list
		}
		text = rest
		// Looking for the ">" from each "<@" would be quadratic; an id ends at most maxIdentifier away.
		end := strings.IndexAny(rest[:min(len(rest), maxIdentifier+1)], "|>")
		if end < 0 {
			continue
		}
		id := rest[:end]
		if plain(id) && !seen[id] {
			seen[id] = true
			list = append(list, message.Mention{ID: id, IsSelf: id == own})
		}
	}
}
