package server

import (
	"io"
	"net/http"
	"strconv"

	"github.com/goccy/go-json"
)

// writeJSON writes v as JSON, byte for byte as encoding/json without HTML escaping does, and sets the Content-Length of
// a response. It writes nothing for a value that cannot be encoded.
func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(lengthWriter{w})
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// lengthWriter sets the Content-Length of a response whose body is written in one call, as the encoder does from a
// pooled buffer. Marshal would copy the buffer.
type lengthWriter struct{ io.Writer }

// Write implements [io.Writer].
func (w lengthWriter) Write(body []byte) (int, error) {
	if response, ok := w.Writer.(http.ResponseWriter); ok {
		response.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	return w.Writer.Write(body)
}
