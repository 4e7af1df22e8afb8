package mail

import (
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/konstruct/konstruct/redact"
)

// ErrPermanent is returned, wrapped, for a message that will never be delivered: a field is invalid, or the server
// rejected the recipient or the content with a 5xx status.
var ErrPermanent = errors.New("mail: not deliverable")

// Message is a plain-text message to one recipient. It prints as [redact.Mark], because Text may contain a token.
type Message struct {
	redact.Redacted

	From, To string // addresses of RFC 5322: ada@example.com, or Ada <ada@example.com>
	Subject  string // one line
	Text     string // UTF-8; lines end with \n
}

// Sender sends messages. It is safe for concurrent use.
type Sender interface {
	// Send returns nil once the message is accepted for delivery. An error that does not wrap [ErrPermanent] is
	// transient. Errors contain no text of the message.
	Send(ctx context.Context, m Message) error
}

// envelope returns the parsed addresses. Returns [ErrPermanent] if a field is invalid, above all if it could end a
// header line.
func (m Message) envelope() (from, to *netmail.Address, err error) {
	if from, err = parseAddress("From", m.From); err != nil {
		return nil, nil, err
	}
	if to, err = parseAddress("To", m.To); err != nil {
		return nil, nil, err
	}
	switch {
	case m.Subject == "" || !isLine(m.Subject):
		return nil, nil, fmt.Errorf("%w: Subject is not one line of text", ErrPermanent)
	case !utf8.ValidString(m.Text):
		return nil, nil, fmt.Errorf("%w: Text is not UTF-8", ErrPermanent)
	}
	return from, to, nil
}

// parseAddress checks the name again after parsing, which decodes the encoded words of RFC 2047.
func parseAddress(field, text string) (*netmail.Address, error) {
	address, err := netmail.ParseAddress(text)
	if err != nil || !isLine(text) || !isLine(address.Name) {
		return nil, fmt.Errorf("%w: %s is not an address", ErrPermanent, field) // err quotes the address
	}
	return address, nil
}

// isLine reports whether text is UTF-8 without control characters.
func isLine(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}
