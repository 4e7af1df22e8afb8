package server_test

import (
	"flag"
	"os"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
)

const goldenDocument = "../docs/openapi.json"

var update = flag.Bool("update", false, "rewrite "+goldenDocument)

func TestDocumentIsCurrent(t *testing.T) {
	t.Parallel()

	document, err := server.OpenAPI()
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(goldenDocument, document, 0o600))
	}
	golden, err := os.ReadFile(goldenDocument)
	require.NoError(t, err)
	require.Equal(t, string(golden), string(document), "go test ./server -run TestDocumentIsCurrent -update")
}

func TestDocumentIsValid(t *testing.T) {
	t.Parallel()

	document, err := server.OpenAPI()
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(document)
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	require.Equal(t, "3.1.0", doc.OpenAPI)
	require.NotNil(t, doc.Paths.Find("/readyz").Get.Responses.Value("503").Value.Content.Get("application/json"), "the checks")
	require.NotNil(t, doc.Paths.Find("/v1/tenants/{tenant_id}").Get.Responses.Value("304"))
	require.NotNil(t, doc.Paths.Find("/v1/me").Get.Responses.Value("422"), "for an unknown parameter")
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for status, response := range operation.Responses.Map() {
				for name, header := range response.Value.Headers {
					require.NotEmpty(t, header.Value.Description, "%s %s, %s: %s", method, path, status, name)
				}
			}
		}
	}
}
