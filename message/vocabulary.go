package message

// Kind is new, edited or deleted.
type Kind string

// The kinds. An edit or a deletion is a separate message with the OriginalID of the message it changes.
const (
	KindNew     Kind = "new"
	KindEdited  Kind = "edited"
	KindDeleted Kind = "deleted"
)

// Valid reports whether k is one of the kinds.
func (k Kind) Valid() bool { return k == KindNew || k == KindEdited || k == KindDeleted }

// EditReason is why a message was edited. Agents answer [EditByPerson] only. Newer writers may add values.
type EditReason string

// The edit reasons.
const (
	EditByPerson  EditReason = "person"  // a person changed the text
	EditByProgram EditReason = "program" // a program changed its own message
	EditPreview   EditReason = "preview" // the channel added, changed or removed the preview of a link
	EditPin       EditReason = "pin"     // the message was pinned or unpinned
	EditByChannel EditReason = "channel" // the channel changed something else
)

// PartKind is the kind of a [Part]. Newer writers may add values.
type PartKind string

// The kinds of parts.
const (
	PartBlocks  PartKind = "blocks"  // layout: sections, tables, lists, buttons
	PartCard    PartKind = "card"    // attached by a program: an alert, a ticket
	PartPreview PartKind = "preview" // of a linked page
	PartQuote   PartKind = "quote"   // a forwarded, shared or quoted message
)

// MentionKind is the kind of a [Mention]. Newer writers may add values.
type MentionKind string

// The kinds of mentions.
const (
	MentionUser      MentionKind = ""
	MentionGroup     MentionKind = "group"     // a user group
	MentionBroadcast MentionKind = "broadcast" // all (active) members of the channel or workspace
)

// FileState is whether a file can be fetched with the channel's token, or empty if unknown. Newer writers may add
// values: treat them as not fetchable.
type FileState string

// The states of files.
const (
	FileFetchable   FileState = "fetchable"
	FileExternal    FileState = "external"    // on another host, which must never receive the channel's token
	FileDeleted     FileState = "deleted"     // deleted
	FileUnavailable FileState = "unavailable" // withheld by the channel, for example because of the workspace's plan
)
