// Package endtoend drives the compiled binary as a process, from an empty database to a message that reached its tenant,
// and the development system from its first start to its second. It holds tests only.
package endtoend
