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

	doc := document(t)
	require.NoError(t, doc.Validate(t.Context()))
	require.Equal(t, "3.1.0", doc.OpenAPI)
	require.NotNil(t, doc.Paths.Find("/readyz").Get.Responses.Value("503").Value.Content.Get("application/json"), "the checks")
	require.NotNil(t, doc.Paths.Find("/v1/tenants/{tenant_id}").Get.Responses.Value("304"))
	require.NotNil(t, doc.Paths.Find("/v1/me").Get.Responses.Value("422"), "for an unknown parameter")
	operations(t, func(_, _ string, op *openapi3.Operation) {
		keyed := op.Parameters.GetByInAndName("header", "Idempotency-Key") != nil
		for status, response := range op.Responses.Map() {
			replayed := response.Value.Headers["Idempotency-Replayed"] != nil
			require.Equal(t, keyed && status == "201", replayed, "%s, %s", op.OperationID, status)
			for name, header := range response.Value.Headers {
				require.NotEmpty(t, header.Value.Description, "%s, %s: %s", op.OperationID, status, name)
			}
		}
	})
}

func TestDocs(t *testing.T) {
	t.Parallel()
	b := setup(t)

	page := b.anyone.get(t, "/docs").is(200)
	require.Equal(t, "text/html; charset=utf-8", page.header.Get("Content-Type"))
	require.Contains(t, page.header.Get("Content-Security-Policy"), "script-src 'sha256-")
	require.Len(t, page.header.Values("Content-Security-Policy"), 1)
	require.Equal(t, "DENY", page.header.Get("X-Frame-Options"))

	golden, err := os.ReadFile(goldenDocument)
	require.NoError(t, err)
	require.JSONEq(t, string(golden), b.anyone.get(t, "/openapi.json").is(200).body, "equal to the committed document")
}
