package doctor

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteText writes the report for people: the tables with their classes, each finding with its risk and remedy, and a
// one-line verdict.
func (r Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "PostgreSQL %s, database %s, checked as %s\n\n", r.ServerVersion, r.Database, r.Role)
	if err := r.writeTables(&b); err != nil {
		return err
	}
	for _, f := range r.Findings {
		f.writeText(&b)
	}
	b.WriteString(r.verdict())
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Report) writeTables(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TABLE\tCLASS")
	for _, table := range r.Tables {
		fmt.Fprintf(t, "%s\t%s\n", table.Name, table.Class)
	}
	fmt.Fprintln(t)
	return t.Flush()
}

func (f Finding) writeText(b *strings.Builder) {
	fmt.Fprintf(b, "%-7s  %s  %s\n", strings.ToUpper(string(f.Level)), f.Code, f.Object)
	fmt.Fprintf(b, "         %s\n", f.Risk)
	for line := range strings.Lines(f.Remedy) {
		fmt.Fprintf(b, "           %s\n", strings.TrimRight(line, "\n"))
	}
	b.WriteByte('\n')
}

func (r Report) verdict() string {
	errs, warnings := r.Count(LevelError), r.Count(LevelWarning)
	switch {
	case r.NotMigrated():
		return "NOT MIGRATED: the database has no schema yet. Run konstruct migrate up.\n"
	case errs > 0:
		return fmt.Sprintf("UNSAFE: %s, %s. Rows may cross between tenants.\n",
			counted(errs, "error"), counted(warnings, "warning"))
	case warnings > 0:
		return fmt.Sprintf("Isolation holds, with %s.\n", counted(warnings, "warning"))
	default:
		return "Isolation holds.\n"
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
