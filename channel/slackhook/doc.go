// Package slackhook verifies that a request to the events URL comes from Slack
// (https://docs.slack.dev/authentication/verifying-requests-from-slack/, version v0).
//
//	verifier, err := slackhook.NewVerifier(signingSecret, time.Now)   // at start-up: an empty secret is refused
//	…
//	if err := verifier.Verify(r.Header, body); err != nil { … 401 … }
//
// The signature covers the raw body: read it once, verify it, and only then parse the same bytes. A signature is valid for
// five minutes, so a verified request may still be a repetition; messages are deduplicated by their id.
//
// slack-go's SecretsVerifier computes the same, and the tests compare the two. It is not used because it reads the wall
// clock itself, takes the first of several headers of one name, and accepts an empty secret until the first request.
//
// The package imports nothing else of this module.
package slackhook
