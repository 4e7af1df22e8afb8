package server

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/konstruct/konstruct/server/operation"
	"github.com/konstruct/konstruct/server/problem"
)

// versionBase keeps entity tags short.
const versionBase = 36

// etag is the entity tag of a row: its version, which changes with each change (RFC 9110, section 8.8.3).
func etag(updatedAt time.Time) string {
	tag := append(make([]byte, 0, 16), '"') // on the stack: a list makes one of each row
	tag = strconv.AppendInt(tag, updatedAt.UnixMicro(), versionBase)
	return string(append(tag, '"'))
}

// IfMatchInput is the header of a change that must not overwrite a version that it has not seen.
type IfMatchInput struct {
	IfMatch string `header:"If-Match" maxLength:"1000" doc:"ETag of the expected version, weak or strong, or * for any version." example:"\"2ok5gyv0i0w\""`
}

// required reads the header of an update, which needs one: 428 (RFC 6585, section 3). A missing resource is 404 first.
func required[ID, T any](
	ctx context.Context, m IfMatchInput, id ID, get func(context.Context, ID) (T, error),
) (operation.Match, error) {
	if m.IfMatch != "" {
		return m.optional(), nil
	}
	if _, err := get(ctx, id); err != nil {
		return operation.Match{}, err
	}
	return operation.Match{}, problem.New(http.StatusPreconditionRequired, problem.CodePreconditionRequired,
		"Send the resource's ETag as If-Match, or * to match any version.")
}

// optional reads the header of a deletion. A tag that isn't ours is no version.
func (m IfMatchInput) optional() operation.Match {
	if value := strings.TrimSpace(m.IfMatch); value == "" || value == "*" {
		return operation.Match{}
	}
	return operation.MatchVersions(versions(m.IfMatch)...)
}

// IfNoneMatchInput is the header of a read that needs no answer if the client has the current version.
type IfNoneMatchInput struct {
	IfNoneMatch string `header:"If-None-Match" maxLength:"1000" doc:"ETag of a cached version. Returns 304 if it is current." example:"\"2ok5gyv0i0w\""`
}

// fresh returns a 304 where the client has the version.
func (m IfNoneMatchInput) fresh(updatedAt time.Time) error {
	if strings.TrimSpace(m.IfNoneMatch) == "*" || slices.ContainsFunc(versions(m.IfNoneMatch), updatedAt.Equal) {
		return problem.NotModified(etag(updatedAt))
	}
	return nil
}

func versions(tags string) (versions []time.Time) {
	for tag := range strings.SplitSeq(tags, ",") {
		if version, ok := parseETag(strings.TrimSpace(tag)); ok {
			versions = append(versions, version)
		}
	}
	return versions
}

// compressed is what Apache adds to the tag of an answer that it compresses.
var compressed = regexp.MustCompile(`[-;](gzip|br|deflate|zstd)"$`)

// parseETag reads one of our tags. A proxy that compresses the answer weakens or extends it; the tag still names the row's
// version, not the answer's bytes, so the comparison may be weak although RFC 9110 asks If-Match for a strong one.
func parseETag(tag string) (time.Time, bool) {
	tag = compressed.ReplaceAllString(strings.TrimPrefix(tag, "W/"), `"`)
	if len(tag) < 3 || tag[0] != '"' || tag[len(tag)-1] != '"' {
		return time.Time{}, false
	}
	micros, err := strconv.ParseInt(tag[1:len(tag)-1], versionBase, 64)
	version := time.UnixMicro(micros).UTC()
	// One version has one tag; and a year that PostgreSQL can't read never was one. Imported rows may have the epoch.
	if err != nil || etag(version) != tag || version.Year() < 1970 || version.Year() > 9999 {
		return time.Time{}, false
	}
	return version, true
}
