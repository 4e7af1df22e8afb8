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
// An event that we have no use for is a result, not an error: it must be acknowledged, or Slack repeats it and in
// the end switches the subscription off.
//
// # Which workspace
//
// An event belongs to the installation that it was sent for, and that is authorizations[0]: its team_id or, for an
// installation in a whole Enterprise organisation, where team_id is null, its enterprise_id. The envelope's own
// team_id is the workspace in which the event arose, which in a Slack Connect channel is another company's; it
// counts only where authorizations is absent and the channel isn't shared. Where none of this names a workspace,
// the error is [ErrNoWorkspace]: no tenant is better than a wrong one.
//
// # Which message
//
// Slack names a posting by its channel and ts. Our id is made of them and not of event_id, because a subscription
// to both message and app_mention gets one posting twice, with two event ids. An edit is told from its posting, and
// from other edits, by the time of the edit.
//
//	new      slack.<workspace>.<channel>.<ts>
//	edited   slack.<workspace>.<channel>.<ts>.edited.<edited.ts, or event_ts>
//	deleted  slack.<workspace>.<channel>.<ts>.deleted
//
// Slack's ts is an id as much as a time: it is kept to the letter and never passes through a float.
//
// slack-go's parser is not used for the whole: it fails on inner events that it doesn't know, which Slack keeps
// adding, and leaves the team empty. Its names for events and its authorization are.
//
// The package imports message and nothing else of this module.
package slack
