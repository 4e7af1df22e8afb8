package server

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"entgo.io/ent/dialect"
	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/audit"
	"github.com/konstruct/konstruct/server/operation"
	"github.com/konstruct/konstruct/server/problem"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// changeAttempts bounds how often a change is tried. A deadlock rolled the earlier attempt back.
const changeAttempts = 2

// perform runs the handler of a change in one transaction with its audit event and its Idempotency-Key. Handlers of
// routes without a transaction call [Server.record] in their own.
func perform[O any](
	ctx context.Context, s *Server, r route, handler func(context.Context) (*O, error),
) (out *O, err error) {
	if !r.transaction {
		return handler(ctx)
	}
	request := requestOf(ctx)
	before := request.event
	for attempt := 1; ; attempt++ {
		request.event = before
		err = pgtenant.InTx(ctx, s.db.Tx, func(ctx context.Context, _ dialect.Tx) error {
			out, err = answered(ctx, s, r, handler)
			return err
		})
		if !operation.Deadlocked(err) || attempt == changeAttempts {
			return out, err
		}
	}
}

// answered returns the answer that the request's Idempotency-Key has, or runs the handler.
func answered[O any](
	ctx context.Context, s *Server, r route, handler func(context.Context) (*O, error),
) (*O, error) {
	keyed := requestOf(ctx).keyed
	var claim operation.Claim
	if keyed != nil {
		claim = operation.NewClaim(requestOf(ctx).principal.ID, r.op.Method, keyed.path, keyed.key, keyed.body.Sum(nil))
		answer, found, err := s.idempotency.Begin(ctx, claim)
		if err != nil {
			return nil, err
		}
		if found {
			keyed.answered = true
			keyed.markReplayed()
			return decodeAnswer[O](answer)
		}
	}
	out, err := handler(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.record(ctx, r.op.OperationID); err != nil {
		return nil, err
	}
	if keyed == nil {
		return out, nil
	}
	answer, err := encodeAnswer(out)
	if err != nil {
		return nil, err
	}
	return out, s.idempotency.Keep(ctx, claim, answer)
}

// record adds the request's audit event to the context's transaction. An event of a tenant says that its actor is a
// platform admin, whose name its owners do not learn, even after the actor is no longer one.
func (s *Server) record(ctx context.Context, action string) error {
	event := requestOf(ctx).auditEvent(action)
	if _, err := tenancy.From(ctx); err == nil && requestOf(ctx).principal.IsAdmin {
		event.Details[audit.DetailPlatformAdmin] = true
	}
	return s.audit.Record(ctx, event)
}

func (r *request) auditEvent(action string) audit.Event {
	event := audit.Event{
		ActorID: r.principal.ID, Action: action, ObjectType: r.event.kind, ObjectID: r.event.id,
		RequestID: r.id, Address: r.client, Details: make(map[string]any, len(r.event.details)),
	}
	for _, detail := range r.event.details {
		event.Details[detail.Key] = detail.Value.Any()
	}
	return event
}

// event is what the audit log says of a request.
type event struct {
	kind    string
	id      uuid.UUID
	details []slog.Attr
}

// note adds details to the request's audit event: names, numbers and words of the API, never secrets.
func (r *request) note(details ...slog.Attr) {
	r.event.details = append(slices.Clip(r.event.details), details...)
}

// setObject sets the object of the request's audit event.
func (r *request) setObject(kind string, id uuid.UUID) { r.event.kind, r.event.id = kind, id }

// givenFields returns the names of the properties in the body of a request's input.
func givenFields(input any) (names []string) {
	body := reflect.Indirect(reflect.ValueOf(input)).FieldByName("Body")
	if body.Kind() != reflect.Struct {
		return nil
	}
	for _, field := range reflect.VisibleFields(body.Type()) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && field.IsExported() && !body.FieldByIndex(field.Index).IsZero() {
			names = append(names, name)
		}
	}
	return names
}

// withoutSecrets is implemented by outputs with a secret, which is returned once and not by a repeated request.
type withoutSecrets[O any] interface{ withoutSecrets() *O }

func encodeAnswer[O any](out *O) (string, error) {
	if secret, ok := any(out).(withoutSecrets[O]); ok {
		out = secret.withoutSecrets()
	}
	var answer strings.Builder
	if err := writeJSON(&answer, out); err != nil { // as the response is written, so that a replay has the same bytes
		return "", fmt.Errorf("encode an answer: %w", err)
	}
	return strings.TrimSpace(answer.String()), nil
}

func decodeAnswer[O any](answer string) (*O, error) {
	out := new(O)
	if answer == "null" {
		return nil, nil //nolint:nilnil // huma's handlers return nil if there is no body
	}
	if err := json.Unmarshal([]byte(answer), out); err != nil {
		return nil, fmt.Errorf("decode an answer: %w", err)
	}
	return out, nil
}

const (
	keyHeader      = "Idempotency-Key"
	replayedHeader = "Idempotency-Replayed"
)

// wellFormedKey matches visible ASCII characters.
var wellFormedKey = regexp.MustCompile(`^[\x21-\x7e]{1,255}$`)

// prepareKey prepares a request for its Idempotency-Key, if it has one. The body is hashed while huma reads it.
func prepareKey(ctx huma.Context, r route) (huma.Context, *problem.Problem) {
	key := ctx.Header(keyHeader)
	if !r.keyed || key == "" {
		return ctx, nil
	}
	if !wellFormedKey.MatchString(key) {
		return nil, problem.Invalid(problem.Field{
			Field: "header." + keyHeader, Code: problem.FieldPattern,
			Message: "expected 1 to 255 visible ASCII characters",
		})
	}
	body, url := sha256.New(), ctx.URL()
	requestOf(ctx.Context()).keyed = &keyedRequest{
		key: key, path: url.Path, body: body,
		markReplayed: func() { ctx.SetHeader(replayedHeader, "true") },
	}
	return hashedBody{humaContext: ctx, sum: body}, nil
}

// keyedRequest is a request with an Idempotency-Key.
type keyedRequest struct {
	key, path    string
	body         hash.Hash // of what huma has read
	markReplayed func()    // marks the response
	answered     bool      // by an earlier request's answer
}

type humaContext = huma.Context // to embed it beside its method Context

type hashedBody struct {
	humaContext

	sum hash.Hash
}

// BodyReader implements [huma.Context].
func (b hashedBody) BodyReader() io.Reader { return io.TeeReader(b.humaContext.BodyReader(), b.sum) }

// Unwrap returns the context of the router.
func (b hashedBody) Unwrap() huma.Context { return b.humaContext }
