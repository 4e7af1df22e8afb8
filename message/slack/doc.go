// Package slack reads the payloads of Slack's Events API (https://docs.slack.dev/apis/events-api/).
//
// [Normalize] takes a request's body, whose signature has been verified, and returns exactly one [Event]:
//
//	event, err := slack.Normalize(body)
//	switch e := event.(type) {
//	case slack.Message:     // e.KonstructMessage: resolve its workspace and deliver it
//	case slack.Challenge:   // answer with e.Value
//	case slack.Lifecycle:   // the installation changed: app removed, tokens revoked
//	case slack.RateLimited: // Slack holds events back
//	case slack.Ignored:     // acknowledge; nothing for us
//	}
//
// An event that is of no use is a result, not an error: it must be acknowledged, or Slack repeats it and eventually
// disables the subscription. A field of an unexpected type counts as absent, so that it never costs the message.
//
// # Which workspace
//
// An event belongs to the installation that it was sent for, which is authorizations[0]: its enterprise_id if
// is_enterprise_install is true, its team_id otherwise. Which ids are present says nothing: an organization-wide
// installation may name a team, and a team's installation names its organization. The envelope's own team_id is the
// workspace in which the event arose, which in a Slack Connect channel is another company's; it counts only if
// authorizations is absent and the channel is not shared. If none of this names a workspace, the error is
// [ErrNoWorkspace]: no tenant is better than a wrong one.
//
// # Which message
//
// Slack identifies a posting by its channel and ts. Our id is made of them and not of event_id, because a subscription
// to both message and app_mention gets one posting twice, with two event ids. The time of an edit tells it from its
// posting and from other edits.
//
//	new      slack.<workspace>.<channel>.<ts>
//	edited   slack.<workspace>.<channel>.<ts>.edited.<edited.ts, or event_ts>
//	deleted  slack.<workspace>.<channel>.<ts>.deleted
//
// Slack's ts is an id as much as a time: it is kept verbatim and never passes through a float.
//
// # What was said
//
// A message can stand in its text, its blocks and its attachments, and all of it is carried: as plain text, in parts.
// Attachments are cards of a program, previews of links, or forwarded messages with attachments of their own. A mention
// in a preview, a forwarded message or a quoted line addresses no one.
//
// slack-go's parser is not used: it fails on inner events and field types that it does not know, which Slack keeps
// adding, and leaves the team empty. Its names of events are. The payload is scanned once and looked up with gjson.
//
// The package imports message and nothing else of this module.
package slack
