// Package server is the HTTP API: routes, who may use them, and what they answer.
//
//	s, err := server.New(ctx, server.Options{…})
//	err = s.Run(ctx)            // until ctx ends, then gracefully
//
// One list of routes (routes.go) feeds the router, the access rules and the OpenAPI document; a route without a rule
// doesn't start. A request goes
//
//	observe → guard → handler → operation → answer
//
// observe gives it an id, a deadline, limits and a line in the log. guard looks the session up, in one round trip, and
// decides; only then does a tenant enter the context. The handler decodes, calls one method of package operation or
// account, and encodes. What goes wrong becomes a problem in one place (failure.go), where it is also decided what the
// log keeps of it.
//
// Nothing that was submitted is repeated in an error or in the log: no body, no query string, no token, no path beyond
// the route's own template.
//
// Changes take If-Match: an update must send one (428 without, 412 when it is stale), a deletion may.
//
// Sub-packages: problem (what an error looks like), account (users, sessions, logging in), operation (what is done).
// The package is imported by cmd only.
package server
