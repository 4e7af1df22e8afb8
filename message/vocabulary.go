package message

// Kind says what happened to a message.
type Kind string

// The kinds. An edit or a deletion is a message of its own that names the one it changes (see [KonstructMessage]).
const (
	KindNew     Kind = "new"
	KindEdited  Kind = "edited"
	KindDeleted Kind = "deleted"
)

// Valid reports whether k is one of the kinds.
func (k Kind) Valid() bool { return k == KindNew || k == KindEdited || k == KindDeleted }

// EditReason says why a message was edited. Agents answer [EditByPerson] only. Newer writers may add values.
type EditReason string

// The reasons of an edit.
const (
	EditByPerson  EditReason = "person"  // a person changed the text
	EditByProgram EditReason = "program" // a program changed its own message
	EditPreview   EditReason = "preview" // the channel added, changed or removed the preview of a link
	EditPin       EditReason = "pin"     // the message was pinned or unpinned
	EditByChannel EditReason = "channel" // the channel changed something else
)

// PartKind says what a [Part] is. Newer writers may add values.
type PartKind string

// The kinds of parts.
const (
	PartBlocks  PartKind = "blocks"  // the message's own layout: sections, tables, lists, buttons
	PartCard    PartKind = "card"    // what a program attached: an alert, a ticket
	PartPreview PartKind = "preview" // what a link in the message leads to
	PartQuote   PartKind = "quote"   // a message that was forwarded, shared or quoted
)

// MentionKind says what a [Mention] addresses. Newer writers may add values.
type MentionKind string

// The kinds of mentions.
const (
	MentionUser      MentionKind = ""
	MentionGroup     MentionKind = "group"     // a user group
	MentionBroadcast MentionKind = "broadcast" // everybody who is in the channel, active in it, or in the workspace
)

// FileState says whether a file can be read with the channel's token. It is empty if unknown. Newer writers may add
// values, which must be treated as not fetchable.
type FileState string

// The states of files.
const (
	FileFetchable   FileState = "fetchable"
	FileExternal    FileState = "external"    // on another host, which must never see the channel's token
	FileDeleted     FileState = "deleted"     // no longer there
	FileUnavailable FileState = "unavailable" // withheld by the channel, such as by the workspace's plan
)
