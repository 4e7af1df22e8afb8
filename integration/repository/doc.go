// Package repository tests which package may import which, and that the documentation names what exists.
package repository
