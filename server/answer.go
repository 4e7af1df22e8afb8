package server

import (
	"io"
	"net/http"
	"strconv"

	"github.com/goccy/go-json"
)

// writeAnswer writes v as JSON, byte for byte as encoding/json without HTML escaping does. Where w is an answer, the answer
// gets its Content-Length. Nothing is written for a value that can't be encoded.
func writeAnswer(w io.Writer, v any) error {
	encoder := json.NewEncoder(wholeBody{w})
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// wholeBody sets the Content-Length of an answer whose body is written in one call. The encoder writes a value in one call,
// from a pooled buffer; Marshal would copy it.
type wholeBody struct{ io.Writer }

// Write implements [io.Writer].
func (w wholeBody) Write(body []byte) (int, error) {
	if answer, ok := w.Writer.(http.ResponseWriter); ok {
		answer.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	return w.Writer.Write(body)
}
