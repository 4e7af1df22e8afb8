// Package docs is the page at /docs, which lists the operations of /openapi.json and sends requests.
//
//	html, policy := docs.Page()
//
// The page is one file without external resources. Its Content-Security-Policy allows its inline style and script by
// their hashes, and requests to its origin. Session tokens are kept only in the memory of the page.
//
// The package imports nothing of this module.
package docs
