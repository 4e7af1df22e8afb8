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
	body, err := json.MarshalWithOption(v, json.DisableHTMLEscape())
	if err != nil {
		return err
	}
	body = append(body, '\n')
	if answer, ok := w.(http.ResponseWriter); ok {
		answer.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	_, err = w.Write(body)
	return err
}
