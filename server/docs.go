package server

func docsRoutes(document []byte) []route {
	return []route{page(public, "/openapi.json", map[string]string{"Content-Type": "application/json"}, func() []byte { return document })}
}
