package server

import (
	"io"
	"net/http"
	"strconv"

	"github.com/goccy/go-json"
)

// writeJSON writes v byte for byte as encoding/json without HTML escaping, and sets the Content-Length of a response.
// It writes nothing if v cannot be encoded.
func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(lengthWriter{w})
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// lengthWriter sets the Content-Length of a response. The encoder writes a value in one call from a pooled buffer,
// which Marshal would copy.
type lengthWriter struct{ io.Writer }

// Write implements [io.Writer].
func (w lengthWriter) Write(body []byte) (int, error) {
	if response, ok := w.Writer.(http.ResponseWriter); ok {
		response.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	return w.Writer.Write(body)
}
