package endtoend_test

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

const (
	timeout      = time.Minute // of each wait for a process
	buildVersion = "v0.0.0-endtoend"
)

// Exit codes.
const (
	failed      = 1
	misused     = 2
	unsafe      = 4 // isolation is broken
	unfit       = 5 // the database is not ready for the command
	interrupted = 130
)

// binary is the compiled program.
var binary string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "konstruct-endtoend-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	binary = filepath.Join(folder, "konstruct")
	build := exec.Command("go", "build", "-ldflags", "-X main.version="+buildVersion, "-o", binary, "../../cmd/konstruct")
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}
	// Most of the tests wait for a time limit. -parallel has precedence.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	testdb.Main(m)
}

// environment is the environment of a process, without the developer's configuration.
type environment map[string]string

func (e environment) lines() []string {
	lines := []string{
		"KONSTRUCT_LISTEN_ADDR=127.0.0.1:0", "KONSTRUCT_METRICS_ADDR=127.0.0.1:0",
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir(),
	}
	for name, value := range e {
		lines = append(lines, name+"="+value)
	}
	return lines
}

// run runs a command with the password on standard input, expects its exit code and returns its output.
func run(t *testing.T, env environment, want int, line string) string {
	t.Helper()
	p := start(t, env, line)
	_, _ = io.WriteString(p.stdin, password+"\n") // most commands do not read it
	_ = p.stdin.Close()
	require.Equal(t, want, p.exit(t), "%s: %s", line, p.text())
	return p.text()
}

// process is a running command and its output.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	done  chan struct{}

	mu      sync.Mutex
	printed bytes.Buffer
}

// start starts a command and stops it with the test.
func start(t *testing.T, env environment, line string) *process {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary, strings.Fields(line)...)
	cmd.Env, cmd.Dir = env.lines(), t.TempDir()
	p := &process{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p, p
	var err error
	p.stdin, err = cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	go func() {
		defer close(p.done)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		select {
		case <-p.done:
		default:
			p.stop(t)
		}
		if t.Failed() {
			t.Log(p.text())
		}
	})
	return p
}

// Write implements [io.Writer] for the command's output.
func (p *process) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.printed.Write(text)
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.printed.String()
}

// wait waits for output that matches the pattern, and returns its last group.
func (p *process) wait(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if found := re.FindStringSubmatch(p.text()); found != nil {
			return found[len(found)-1]
		}
		select {
		case <-p.done:
			require.Failf(t, "process exited", "waiting for %s:\n%s", pattern, p.text())
		default:
		}
	}
	require.Failf(t, "timeout", "waiting for %s:\n%s", pattern, p.text())
	return ""
}

// client waits until a server listens, and returns a client without a session.
func (p *process) client(t *testing.T) client {
	t.Helper()
	return client{base: "http://" + p.wait(t, `msg"?[=:]"?listening.* ?"?address"?[=:]"?([^"\s]+)`)}
}

// signal fails only if the process has exited, which [process.exit] reports.
func (p *process) signal(signal os.Signal) { _ = p.cmd.Process.Signal(signal) }

func (p *process) exit(t *testing.T) int {
	t.Helper()
	kill := time.AfterFunc(timeout, func() { _ = p.cmd.Process.Kill() })
	<-p.done
	require.True(t, kill.Stop(), "still running: %s", p.text())
	return p.cmd.ProcessState.ExitCode()
}

// stop sends SIGINT and expects exit code 0.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.signal(syscall.SIGINT)
	require.Zero(t, p.exit(t), p.text())
}
