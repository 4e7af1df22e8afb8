// Package channel receives messages from chat products: verify, normalize, resolve, deliver.
//
// A folder per channel verifies a request over its raw bytes and normalizes it to message.KonstructMessage. What every
// channel shares is [Ingress]: it resolves the workspace's tenant, and delivers the message in a context of that
// tenant.
//
// To add a channel, write a folder beside channel/slack and one route:
//
//  1. A verifier of the channel's signatures, and a function from a payload to message.KonstructMessage.
//  2. A Receive method that passes a bad signature to [Ingress.Reject], an unreadable payload to [Ingress.Drop],
//     an event without a message to [Ingress.Ignore], and messages to [Ingress.Deliver].
//  3. A route in server that passes header and raw body to Receive.
//  4. The type in message/channeltype.go and in ent/schema, if it is new.
//
// A channel repeats a request that is not acknowledged, with all of its messages, and disables an endpoint that fails
// too often. So only errors that a retry may fix are returned; everything else is logged, counted and acknowledged.
package channel
