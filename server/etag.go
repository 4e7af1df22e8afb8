package server

import (
	"net/http"
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
	return `"` + strconv.FormatInt(updatedAt.UnixMicro(), versionBase) + `"`
}

// IfMatchInput is the header of a change that must not overwrite what it hasn't seen.
type IfMatchInput struct {
	IfMatch string `header:"If-Match" maxLength:"1000" doc:"The ETag of the version to replace, or * for any." example:"\"2ok5gyv0i0w\""`
}

// required reads the header of an update, which needs one: 428 (RFC 6585, section 3).
func (m IfMatchInput) required() (operation.Match, error) {
	if m.IfMatch == "" {
		return operation.Match{}, problem.New(http.StatusPreconditionRequired, problem.CodePreconditionRequired,
			"Send the ETag of the version that you are changing as If-Match, or * for any.")
	}
	return m.optional(), nil
}

// optional reads the header of a deletion. A tag that isn't ours, or a weak one, is no version (RFC 9110, section
// 13.1.1).
func (m IfMatchInput) optional() operation.Match {
	if value := strings.TrimSpace(m.IfMatch); value == "" || value == "*" {
		return operation.Match{}
	}
	var versions []time.Time
	for tag := range strings.SplitSeq(m.IfMatch, ",") {
		if version, ok := parseETag(strings.TrimSpace(tag)); ok {
			versions = append(versions, version)
		}
	}
	return operation.MatchVersions(versions...)
}

func parseETag(tag string) (time.Time, bool) {
	if len(tag) < 3 || tag[0] != '"' || tag[len(tag)-1] != '"' {
		return time.Time{}, false
	}
	micros, err := strconv.ParseInt(tag[1:len(tag)-1], versionBase, 64)
	version := time.UnixMicro(micros).UTC()
	// One version has one tag; and a year that PostgreSQL can't read never was one.
	if err != nil || etag(version) != tag || version.Year() < 2000 || version.Year() > 9999 {
		return time.Time{}, false
	}
	return version, true
}
