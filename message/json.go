package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/konstruct/konstruct/tenancy"
)

// Version is the version of the JSON that this package writes. It also reads the previous one, which had no "v" and
// wrote "" for an absent tenant.
const Version = 1

// fields has the fields of KonstructMessage without its methods.
type fields KonstructMessage

// wire is the JSON form of both types. Only a ResolvedMessage has a tenant_id. ID and OriginalID hide those of fields,
// so that they are written before tenant_id.
type wire struct {
	V          int     `json:"v"`
	ID         string  `json:"id"`
	OriginalID string  `json:"original_id"`
	TenantID   *string `json:"tenant_id"`
	fields             //nolint:embeddedstructfieldcheck // written last
}

// MarshalJSON implements [json.Marshaler]; tenant_id is always null. The error is [ErrInvalid].
func (m KonstructMessage) MarshalJSON() ([]byte, error) { return encode(m, nil) }

// UnmarshalJSON implements [json.Unmarshaler]. The errors are [ErrInvalid], [ErrUnknownVersion] and
// [ErrUnexpectedTenant].
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
		return nil, fmt.Errorf("message: encode resolved message: %w", tenancy.ErrInvalidID)
	}
	tenant := r.tenant.String()
	return encode(r.message, &tenant)
}

// UnmarshalJSON implements [json.Unmarshaler]. The errors are [ErrInvalid], [ErrUnknownVersion], and
// [tenancy.ErrInvalidID] if the tenant is absent, zero, or not a UUID in canonical form.
//
// It trusts the tenant in the JSON, so never call it on data from outside the platform, such as a webhook's body.
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

func encode(m KonstructMessage, tenant *string) ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return json.Marshal(wire{
		V: Version, ID: m.ID, OriginalID: m.OriginalID, TenantID: tenant, fields: fields(m.normal()),
	})
}

func decode(data []byte) (m KonstructMessage, tenant string, err error) {
	var w wire
	if err := json.Unmarshal(data, &w); err != nil {
		return m, "", decodeError(data, err)
	}
	if w.V < 0 || w.V > Version {
		return m, "", ErrUnknownVersion
	}
	m = KonstructMessage(w.fields).normal()
	m.ID, m.OriginalID, m.Raw = w.ID, w.OriginalID, CanonicalRaw(w.Raw)
	if w.TenantID != nil {
		tenant = *w.TenantID
	}
	return m, tenant, m.Validate()
}

// decodeError distinguishes a newer version, whose fields may have other types, from JSON that is not a message.
func decodeError(data []byte, err error) error {
	var version struct {
		V int `json:"v"`
	}
	_ = json.Unmarshal(data, &version) // sets V despite errors in other fields
	switch {
	case version.V > Version:
		return ErrUnknownVersion
	case errors.Is(err, ErrUnknownChannelType):
		return fmt.Errorf("%w: %w", ErrInvalid, ErrUnknownChannelType)
	default:
		// The cause is dropped because it contains pieces of the input.
		return fmt.Errorf("%w: not the JSON of a message", ErrInvalid)
	}
}

// CanonicalRaw returns event as [KonstructMessage.Raw]: compact, HTML-escaped, valid UTF-8, so that encoding keeps it
// byte for byte. It returns nil for null, for invalid JSON, and for more than [MaxRaw] bytes.
func CanonicalRaw(event []byte) json.RawMessage {
	if len(event) == 0 || len(event) > MaxRaw {
		return nil
	}
	if !utf8.Valid(event) {
		event = bytes.ToValidUTF8(event, []byte("\uFFFD"))
	}
	canonical, err := json.Marshal(json.RawMessage(event))
	if err != nil || len(canonical) > MaxRaw || bytes.Equal(canonical, []byte("null")) {
		return nil
	}
	return canonical
}

// normal makes required lists empty instead of null, optional lists nil, and times UTC.
func (m KonstructMessage) normal() KonstructMessage {
	m.Timestamp = m.Timestamp.UTC()
	m.ChannelMetadata.EventTime = m.ChannelMetadata.EventTime.UTC()
	if m.Content.Mentions == nil {
		m.Content.Mentions = []Mention{}
	}
	if m.Content.Attachments == nil {
		m.Content.Attachments = []Attachment{}
	}
	m.Content.Parts = normalParts(m.Content.Parts)
	return m
}

func normalParts(parts []Part) []Part {
	if len(parts) == 0 {
		return nil
	}
	normal := make([]Part, len(parts))
	for i, p := range parts {
		p.Timestamp = p.Timestamp.UTC()
		if len(p.Mentions) == 0 {
			p.Mentions = nil
		}
		if len(p.AttachmentIDs) == 0 {
			p.AttachmentIDs = nil
		}
		p.Parts = normalParts(p.Parts)
		normal[i] = p
	}
	return normal
}
