// Package slackhook tells whether a request to the events URL comes from Slack
// (https://docs.slack.dev/authentication/verifying-requests-from-slack/, version v0).
//
//	verifier, err := slackhook.NewVerifier(signingSecret, time.Now)   // at start-up: an empty secret refuses
//	…
//	if err := verifier.Verify(r.Header, body); err != nil { … 401 … }
//
// The signature is over the body's very bytes: read them once, verify, and only then parse the same bytes. A
// signature is good for five minutes, so a request that passes may still be a repetition; deduplicating is done by the
// message's id.
//
// slack-go's SecretsVerifier computes the same, and the tests hold the two together. It isn't used because it reads
// the wall clock itself, takes the first of several headers of one name, and accepts an empty secret until the
// first request comes in.
//
// The package imports nothing else of this module.
package slackhook
