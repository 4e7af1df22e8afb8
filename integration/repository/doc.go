// Package repository tests the repository: which package may import which.
package repository
