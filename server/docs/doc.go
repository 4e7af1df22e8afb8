// Package docs is the page at /docs: it reads /openapi.json, lists the operations, and lets one try them.
//
//	html, policy := docs.Page()
//
// The page is one file that loads nothing from anywhere. Its content security policy allows its own style and its own
// script, by their hashes, and requests to its own origin. A token that is typed in, or got by logging in, lives in the
// page's memory and is gone with it.
//
// The package imports nothing of this module.
package docs
