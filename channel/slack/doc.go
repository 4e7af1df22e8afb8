// Package slack receives Slack's Events API (https://docs.slack.dev/apis/events-api/).
//
//	verifier, err := slack.NewVerifier(signingSecret, time.Now)
//	receiver := slack.NewReceiver(verifier, channel.NewIngress(resolver, deliver, log), log)
//	challenge, err := receiver.Receive(ctx, r.Header, body)
//
// [Verifier] checks the signature over the raw body. [Normalize] then turns the body into exactly one [Event]. An event
// without a message is a result, not an error: it must be acknowledged, or Slack repeats it and eventually disables the
// subscription. A field of an unexpected type counts as absent, so that it never costs the message.
//
// # Workspace
//
// An event belongs to the installation in authorizations[0]: to its enterprise_id if is_enterprise_install is true, to
// its team_id otherwise. The presence of an id decides nothing: an organization-wide installation may name a team, and
// a team's installation names its organization. The envelope's team_id is the workspace in which the event arose, which
// in a Slack Connect channel is another company's. It counts only if authorizations is absent and the channel is not
// shared. If no workspace is found, the error is [ErrNoWorkspace], since a wrong one would be another tenant's.
//
// # Message ids
//
// Slack identifies a posting by its channel and ts. Our id is made of these and not of event_id, because a subscription
// to both message and app_mention gets one posting twice, with two event ids.
//
//	new      slack.<workspace>.<channel>.<ts>
//	edited   slack.<workspace>.<channel>.<ts>.edited.<edited.ts, or event_ts>
//	deleted  slack.<workspace>.<channel>.<ts>.deleted
//
// A ts is kept verbatim and never parsed as a float, since it is an id.
//
// # Content
//
// Text, blocks and attachments are all carried, as plain text in parts. Attachments are a program's cards, link
// previews, or forwarded messages with attachments of their own. A mention in a preview, a forwarded message or a
// quoted line addresses no one.
//
// # slack-go
//
// Only its event names are used. Its parser fails on unknown events and field types, which Slack keeps adding. Its
// SecretsVerifier reads the wall clock, takes the first of repeated headers, and accepts an empty secret until the
// first request. Tests compare it with [Verifier].
package slack
