// Package server is the HTTP API.
//
//	s, err := server.New(ctx, server.Options{…})
//	err = s.Run(ctx) // shuts down gracefully when ctx ends
//
// One list of routes (routes.go) feeds the router, the access rules and the OpenAPI document. A server with a route
// without a rule does not start. A request passes
//
//	observe → guard → handler → operation → response
//
// observe adds an id, a deadline, limits and a log line. guard authenticates the session in one round trip and applies
// the rule; only then is a tenant added to the context. The handler decodes, calls one method of package operation or
// account, and encodes. failure.go maps errors to problems.
//
// Neither errors nor logs contain submitted data: no body, query string, token, or path other than the route's
// template.
//
// Updates require If-Match (428 without it, 412 if it is stale); deletions accept it.
//
// A change runs in one transaction with its audit event and its Idempotency-Key; see perform in change.go.
//
// Subpackages: problem (error responses), account (users, sessions, login), operation (units of work), audit (the audit
// log), mail (messages to users), sweep (deletion of expired rows), token (random tokens), docs (the page at /docs).
// The package is imported by cmd only.
package server
