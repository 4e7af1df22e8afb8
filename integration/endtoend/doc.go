// Package endtoend tests the compiled binary as a process, from an empty database to a delivered message.
package endtoend
