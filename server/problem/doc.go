// Package problem implements the API's errors: RFC 9457 problem details with a stable code.
//
// A [Problem] has a status, a [Code], a sentence and the invalid fields. It never contains a submitted value or a text
// of the database. Its cause is only logged.
//
//	return nil, problem.NotFound()
//	return nil, problem.Invalid(problem.Field{
//		Field: "query.cursor", Code: problem.FieldCursor, Message: "expected …",
//	})
//
// huma's errors contain submitted values, including passwords; [Install] replaces them.
//
// The package imports nothing of this module.
package problem
