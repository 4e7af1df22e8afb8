// Package problem is how the API says that something went wrong: RFC 9457 problem details with a stable code.
//
// A [Problem] carries what the caller may see and nothing else: a status, a [Code] that programs can rely on, a
// sentence, and the names of the fields at fault. Never a submitted value, and never a word of a database's. The cause
// that it may carry is for the log, and never part of the answer.
//
//	return nil, problem.NotFound()
//	return nil, problem.Invalid(problem.Field{Field: "query.cursor", Code: problem.FieldCursor, Message: "expected …"})
//
// huma's own errors echo what was submitted, passwords included; [Install] puts ours in their place.
//
// The package imports nothing of this module.
package problem
