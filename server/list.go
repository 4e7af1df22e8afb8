package server

import (
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/operation"
	"github.com/konstruct/konstruct/server/problem"
	"github.com/konstruct/konstruct/tenancy"
)

// PageInput selects a page of a list.
type PageInput struct {
	Limit  int32  `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of items to return."`
	Cursor string `query:"cursor" maxLength:"1110" doc:"The next_cursor of the previous page of this list, with the same sort, q and filters."`
}

func (p PageInput) page() operation.Page {
	return operation.Page{Limit: int(p.Limit), Cursor: p.Cursor}
}

// SearchInput searches a list.
type SearchInput struct {
	Q string `query:"q" minLength:"1" maxLength:"100" doc:"Text to search for, in any case."`
}

// Resolve implements [huma.Resolver]: it refuses text that PostgreSQL cannot compare.
func (in *SearchInput) Resolve(huma.Context) []error {
	if utf8.ValidString(in.Q) && !strings.ContainsRune(in.Q, 0) {
		return nil
	}
	return []error{&huma.ErrorDetail{Location: "query.q", Message: problem.MessageText}}
}

// sorted returns the page with a sort and the search.
func (p PageInput) sorted(sort string, search SearchInput) operation.Page {
	page := p.page()
	page.Sort, page.Search = sort, search.Q
	return page
}

// optional is a parameter whose zero value differs from none.
type optional[T any] struct {
	value T
	isSet bool
}

// Schema implements [huma.SchemaProvider].
func (optional[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, "")
}

// Receiver implements [huma.ParamWrapper].
func (o *optional[T]) Receiver() reflect.Value { return reflect.ValueOf(&o.value).Elem() }

// OnParamSet implements [huma.ParamReactor].
func (o *optional[T]) OnParamSet(isSet bool, _ any) { o.isSet = isSet }

// pointer returns the value, or nil.
func (o *optional[T]) pointer() *T {
	if !o.isSet {
		return nil
	}
	return &o.value
}

// listView is a page of a list.
type listView[T any] struct {
	Items      []T    `json:"items" nullable:"false"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Cursor of the next page. Absent on the last page."`
}

type listOutput[T any] struct{ Body listView[T] }

func viewList[R, V any](list operation.List[R], view func(R) V) *listOutput[V] {
	return &listOutput[V]{Body: listView[V]{Items: viewAll(list.Items, view), NextCursor: list.Next}}
}

func viewAll[R, V any](rows []R, view func(R) V) []V {
	views := make([]V, 0, len(rows))
	for _, row := range rows {
		views = append(views, view(row))
	}
	return views
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
