package message

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/konstruct/konstruct/tenancy"
)

// wire is the JSON form of both kinds of message; tenant_id tells them apart.
type wire struct {
	ID              string          `json:"id"`
	OriginalID      string          `json:"original_id"`
	TenantID        string          `json:"tenant_id"`
	Kind            Kind            `json:"kind"`
	ChannelType     ChannelType     `json:"channel_type"`
	ChannelMetadata ChannelMetadata `json:"channel_metadata"`
	Sender          SenderInfo      `json:"sender"`
	Content         MessageContent  `json:"content"`
	Timestamp       time.Time       `json:"timestamp"`
	ThreadID        string          `json:"thread_id"`
}

// MarshalJSON implements [json.Marshaler]; tenant_id is always "". The error is [ErrInvalid].
func (m KonstructMessage) MarshalJSON() ([]byte, error) { return encode(m, "") }

// UnmarshalJSON implements [json.Unmarshaler]. The errors are [ErrInvalid], and [ErrUnexpectedTenant] when the JSON
// names a tenant.
func (m *KonstructMessage) UnmarshalJSON(data []byte) error {
	read, tenant, err := decode(data)
	if err != nil {
		return err
	}
	if tenant != "" {
		return ErrUnexpectedTenant
	}
	*m = read
	return nil
}

// MarshalJSON implements [json.Marshaler]. The error is [tenancy.ErrInvalidID] for the zero value.
func (r ResolvedMessage) MarshalJSON() ([]byte, error) {
	if r.tenant.IsZero() {
		return nil, fmt.Errorf("encode a resolved message: %w", tenancy.ErrInvalidID)
	}
	return encode(r.message, r.tenant.String())
}

// UnmarshalJSON implements [json.Unmarshaler]. The errors are [ErrInvalid], and [tenancy.ErrInvalidID] when the
// tenant is absent, zero, or not a UUID in canonical form.
//
// It trusts the JSON to have been written by a ResolvedMessage, so read only what other parts of the platform
// wrote; a channel's webhook is read by its normaliser.
func (r *ResolvedMessage) UnmarshalJSON(data []byte) error {
	read, tenant, err := decode(data)
	if err != nil {
		return err
	}
	id, err := tenancy.Parse(tenant)
	if err != nil {
		return err
	}
	*r = ResolvedMessage{tenant: id, message: read}
	return nil
}

func encode(m KonstructMessage, tenant string) ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return json.Marshal(wire{
		ID:              m.ID,
		OriginalID:      m.OriginalID,
		TenantID:        tenant,
		Kind:            m.Kind,
		ChannelType:     m.ChannelType,
		ChannelMetadata: m.ChannelMetadata.normal(),
		Sender:          m.Sender,
		Content:         m.Content.normal(),
		Timestamp:       m.Timestamp.UTC(),
		ThreadID:        m.ThreadID,
	})
}

func decode(data []byte) (KonstructMessage, string, error) {
	var w wire
	if err := json.Unmarshal(data, &w); err != nil {
		if errors.Is(err, ErrUnknownChannelType) {
			return KonstructMessage{}, "", fmt.Errorf("%w: %w", ErrInvalid, ErrUnknownChannelType)
		}
		// encoding/json repeats pieces of its input in its errors.
		return KonstructMessage{}, "", fmt.Errorf("%w: not the JSON of a message", ErrInvalid)
	}
	m := KonstructMessage{
		ID:              w.ID,
		OriginalID:      w.OriginalID,
		Kind:            w.Kind,
		ChannelType:     w.ChannelType,
		ChannelMetadata: w.ChannelMetadata.normal(),
		Sender:          w.Sender,
		Content:         w.Content.normal(),
		Timestamp:       w.Timestamp.UTC(),
		ThreadID:        w.ThreadID,
	}
	return m, w.TenantID, m.Validate()
}

// normal has times in UTC.
func (c ChannelMetadata) normal() ChannelMetadata {
	if !c.EventTime.IsZero() {
		c.EventTime = c.EventTime.UTC()
	}
	return c
}

// normal has lists that are empty rather than null, so that a reader need not tell them apart.
func (c MessageContent) normal() MessageContent {
	if c.Mentions == nil {
		c.Mentions = []Mention{}
	}
	if c.Attachments == nil {
		c.Attachments = []Attachment{}
	}
	return c
}
