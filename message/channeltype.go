package message

// ChannelType is the chat product of a channel.
type ChannelType string

// The channel types, as in the column channel_connections.channel_type.
const (
	Slack      ChannelType = "slack"
	WhatsApp   ChannelType = "whatsapp"
	Mattermost ChannelType = "mattermost"
)

// ChannelTypes returns all channel types.
func ChannelTypes() []ChannelType { return []ChannelType{Slack, WhatsApp, Mattermost} }

// ParseChannelType parses the exact spelling of a channel type. The error is [ErrUnknownChannelType].
func ParseChannelType(s string) (ChannelType, error) {
	if t := ChannelType(s); t.Valid() {
		return t, nil
	}
	return "", ErrUnknownChannelType
}

// Valid reports whether t is one of [ChannelTypes].
func (t ChannelType) Valid() bool { return t == Slack || t == WhatsApp || t == Mattermost }

// UnmarshalText implements [encoding.TextUnmarshaler] as [ParseChannelType] does.
func (t *ChannelType) UnmarshalText(text []byte) error {
	parsed, err := ParseChannelType(string(text))
	if err != nil {
		return err
	}
	*t = parsed
	return nil
}
