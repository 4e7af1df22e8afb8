package server

import "github.com/konstruct/konstruct/server/docs"

// docsRoutes serve the OpenAPI document and the page to read and try it.
func docsRoutes(document []byte) []route {
	html, policy := docs.Page()
	return []route{
		page(public, "/openapi.json", map[string]string{"Content-Type": "application/json"}, document),
		page(public, "/docs", map[string]string{
			"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy,
		}, html),
	}
}
