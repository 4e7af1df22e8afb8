// Package channel is how messages come in: verify, normalize, resolve, deliver.
//
//	slack, err := channel.NewSlack(channel.SlackOptions{…})
//	reply, err := slack.Receive(ctx, r.Header, body)
//
// A request is verified over its raw bytes before any of them is parsed. Then its workspace is resolved; from there on a
// message.ResolvedMessage travels, in a context that works for its tenant and no other, to [Deliver].
//
// One request can carry several messages, of several tenants, and each has an outcome of its own ([Stats]). Only what may
// succeed later makes the channel send the request again. What can never be handled is logged with its event id and the
// cause, counted, and acknowledged: a channel repeats what is not acknowledged, with everybody else's messages in the
// same request, and disables an endpoint that fails too often.
//
// The package imports channel/resolver, channel/slackhook, message and tenancy.
package channel
