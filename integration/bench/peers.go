package bench

import (
	"os/exec"
	"path/filepath"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

// python is Debian's, for which python3-fastapi, python3-sqlalchemy, python3-asyncpg and uvicorn install.
const python = "/usr/bin/python3"

// peers are the servers in other languages that can be had on this machine: one process each, under row-level security
// with a transaction by hand. What is missing is named.
func (b bench) peers(db *testdb.Database) (found []server) {
	b.Helper()
	sources, err := filepath.Abs("peers")
	require.NoError(b, err)
	add := func(name string, obtained error, env string, command ...string) {
		if obtained != nil {
			b.say("without " + name + ": " + obtained.Error())
			return
		}
		cmd := exec.CommandContext(b.Context(), command[0], command[1:]...)
		cmd.Env = []string{"DATABASE_URL=" + db.AppURL, env}
		found = append(found, server{name, cmd})
	}
	modules := b.TempDir()
	add("FastAPI, SQLAlchemy and asyncpg", exec.CommandContext(b.Context(), python, "-c", "import asyncpg, fastapi, sqlalchemy, uvicorn").Run(),
		"PYTHONDONTWRITEBYTECODE=1", python, filepath.Join(sources, "fastapi", "app.py"))
	add("fastify and pg", exec.CommandContext(b.Context(), "npm", "install", "--no-save", "--prefix", modules, "fastify@5", "pg@8").Run(),
		"NODE_PATH="+filepath.Join(modules, "node_modules"), "node", filepath.Join(sources, "fastify", "server.cjs"))
	return found
}
