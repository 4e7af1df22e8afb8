package message

// ChannelType is the chat product of a channel.
type ChannelType string

// The channel types, as in the column channel_connections.channel_type.
const (
	Slack      ChannelType = "slack"
	WhatsApp   ChannelType = "whatsapp"
	Mattermost ChannelType = "mattermost"
)

// Valid reports whether t is a known channel type.
func (t ChannelType) Valid() bool { return t == Slack || t == WhatsApp || t == Mattermost }

// UnmarshalText implements [encoding.TextUnmarshaler]. The error is [ErrUnknownChannelType].
func (t *ChannelType) UnmarshalText(text []byte) error {
	parsed := ChannelType(text)
	if !parsed.Valid() {
		return ErrUnknownChannelType
	}
	*t = parsed
	return nil
}
