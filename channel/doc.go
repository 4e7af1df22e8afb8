// Package channel is how messages come in: verify, normalise, resolve, deliver.
//
//	slack, err := channel.NewSlack(channel.SlackOptions{…})
//	reply, err := slack.Receive(ctx, r.Header, body)
//
// A request is verified over its very bytes before a byte is parsed. Then its workspace is looked up; from there on a
// message.ResolvedMessage travels, in a context that works for its tenant and for no other, to [Deliver].
//
// What can't be placed is acknowledged and counted ([Slack.Stats]), and never stored: a channel repeats what isn't
// acknowledged, and switches off who fails too often.
//
// The package imports channel/resolver, channel/slackhook, message and tenancy.
package channel
