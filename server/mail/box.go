package mail

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// boxSize is the number of messages that a [Box] keeps.
const boxSize = 100

// Box is the [Sender] of `konstruct dev`: it delivers nothing, keeps the last 100 messages and prints each with its
// links. Do not use it where other people can read the output.
type Box struct {
	mu       sync.Mutex
	out      io.Writer
	messages []Message // oldest first
}

// NewBox returns a box that prints to out.
func NewBox(out io.Writer) *Box { return &Box{out: out} }

// Send keeps and prints the message. Returns [ErrPermanent] if a field is invalid, as [SMTP] does.
func (b *Box) Send(_ context.Context, m Message) error {
	if _, _, err := m.envelope(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.messages) == boxSize {
		b.messages = slices.Delete(b.messages, 0, 1)
	}
	b.messages = append(b.messages, m)
	fmt.Fprintf(b.out, "--- mail to %s: %s\n%s\n---\n", m.To, m.Subject, strings.TrimRight(m.Text, "\n"))
	return nil
}

// Messages returns the kept messages, newest first.
func (b *Box) Messages() []Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	messages := slices.Clone(b.messages)
	slices.Reverse(messages)
	return messages
}
