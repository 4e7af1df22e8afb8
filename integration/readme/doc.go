// Package readme runs the Go code that README.md shows, on a real database, and holds the two texts equal.
package readme
