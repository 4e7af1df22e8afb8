package server

import (
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/operation"
	"github.com/konstruct/konstruct/tenancy"
)

// PageInput selects a page of a list.
type PageInput struct {
	Limit  int32  `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of items to return."`
	Cursor string `query:"cursor" maxLength:"100" doc:"The next_cursor of the previous page of this list."`
}

func (p PageInput) page() operation.Page {
	return operation.Page{Limit: int(p.Limit), Cursor: p.Cursor}
}

// listView is a page of a list.
type listView[T any] struct {
	Items      []T    `json:"items" nullable:"false"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Cursor of the next page. Absent on the last page."`
}

type listOutput[T any] struct{ Body listView[T] }

func viewList[R, V any](list operation.List[R], view func(R) V) *listOutput[V] {
	out := &listOutput[V]{Body: listView[V]{Items: make([]V, 0, len(list.Items)), NextCursor: list.Next}}
	for _, row := range list.Items {
		out.Body.Items = append(out.Body.Items, view(row))
	}
	return out
}

// itemOutput is a row and its version.
type itemOutput[T any] struct {
	ETag     string `header:"ETag" doc:"Version of the resource, for If-Match and If-None-Match."` //nolint:tagliatelle // RFC 9110's spelling
	Location string `header:"Location" hidden:"true"`
	Body     T
}

func item[T any](updatedAt time.Time, body T) *itemOutput[T] {
	return &itemOutput[T]{ETag: etag(updatedAt), Body: body}
}

// TenantPathInput is the path of a tenant.
//
// Ids have a format only in the document (see completeOperation), because a malformed id must be 404. The guard rejects
// it.
type TenantPathInput struct {
	TenantID string `path:"tenant_id"`
}

func (in TenantPathInput) id() tenancy.ID {
	id, _ := tenancy.Parse(in.TenantID)
	return id
}

func idOf(text string) uuid.UUID {
	id, _ := uuid.Parse(text)
	return id
}
