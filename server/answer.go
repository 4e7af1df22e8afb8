package server

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/goccy/go-json"
)

// maxKept is the capacity in bytes of the largest buffer that is kept for the next answer.
const maxKept = 64 << 10

// answers encodes the bodies of answers. The zero value is ready to use, by several goroutines at once.
type answers struct{ buffers sync.Pool }

// write writes v as JSON, byte for byte as encoding/json without HTML escaping does. Where w is an answer, the answer gets
// its Content-Length. Nothing is written for a value that can't be encoded.
func (a *answers) write(w io.Writer, v any) error {
	buffer := a.take()
	defer a.keep(buffer)
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return err
	}
	if answer, ok := w.(http.ResponseWriter); ok {
		answer.Header().Set("Content-Length", strconv.Itoa(buffer.Len()))
	}
	_, err := w.Write(buffer.Bytes())
	return err
}

func (a *answers) take() *bytes.Buffer {
	if buffer, ok := a.buffers.Get().(*bytes.Buffer); ok {
		return buffer
	}
	return new(bytes.Buffer)
}

// keep keeps the buffer for the next answer, unless it is large: one huge answer must not occupy memory for good.
func (a *answers) keep(buffer *bytes.Buffer) {
	if buffer.Cap() <= maxKept {
		buffer.Reset()
		a.buffers.Put(buffer)
	}
}
