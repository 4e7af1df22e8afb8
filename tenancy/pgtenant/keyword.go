package pgtenant

import "strings"

// keyword returns the first word of a statement, after the white space, comments, semicolons and parentheses that
// PostgreSQL's lexer skips. It is "" if the statement does not begin with a word.
func keyword(query string) string {
	query = skipToWord(query)
	end := 0
	for end < len(query) && isWord(query[end]) {
		end++
	}
	return query[:end]
}

// isWord reports whether c may be in a keyword or an identifier, so that "copy_1" is not read as COPY.
func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 0x80
}

func skipToWord(query string) string {
	for query != "" {
		switch {
		case strings.IndexByte(" \t\n\r\f\v;(", query[0]) >= 0:
			query = query[1:]
		case strings.HasPrefix(query, "--"):
			end := strings.IndexAny(query, "\r\n")
			if end < 0 {
				return ""
			}
			query = query[end:]
		case strings.HasPrefix(query, "/*"):
			query = skipComment(query)
		default:
			return query
		}
	}
	return ""
}

// skipComment skips a block comment, which PostgreSQL nests.
func skipComment(query string) string {
	depth := 0
	for len(query) >= 2 {
		switch query[:2] {
		case "/*":
			depth++
			query = query[2:]
		case "*/":
			depth--
			query = query[2:]
			if depth == 0 {
				return query
			}
		default:
			query = query[1:]
		}
	}
	return ""
}

// mayWrite reports whether a statement could change rows. Only a SELECT can't, apart from the functions that it calls.
// WITH can contain an INSERT.
func mayWrite(query string) bool { return !startsWith(query, "select") }

// isPlain reports whether a statement is a query or a change of rows by its text. If such a statement fails, it leaves
// nothing in its session.
func isPlain(query string) bool {
	return startsWith(query, "select", "insert", "update", "delete", "merge", "with", "values", "table")
}

// startsWith reports whether a statement begins with one of the words.
func startsWith(query string, words ...string) bool {
	first := keyword(query)
	for _, word := range words {
		if strings.EqualFold(first, word) {
			return true
		}
	}
	return false
}
