package endtoend_test

import (
	"bufio"
	"bytes"
	"context"
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

// patience bounds each wait for a process.
const patience = 60 * time.Second

// binary is the compiled program, built once for all tests of the package.
var binary string

// buildVersion is the version of the binary, set as releases set it.
const buildVersion = "v0.0.0-endtoend"

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "konstruct-endtoend-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	binary = filepath.Join(folder, "konstruct")
	build := exec.Command("go", "build", "-ldflags", "-X main.version="+buildVersion, "-o", binary, "github.com/konstruct/konstruct/cmd/konstruct")
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}
	testdb.Main(m)
}

// environment is what a process sees: nothing of the developer's own configuration.
type environment map[string]string

func (e environment) lines() []string {
	lines := []string{"KONSTRUCT_METRICS_ADDR=127.0.0.1:0", "PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir()}
	for name, value := range e {
		lines = append(lines, name+"="+value)
	}
	return lines
}

func command(ctx context.Context, t *testing.T, env environment, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env, cmd.Dir = env.lines(), t.TempDir()
	return cmd
}

// run runs a command to its end and returns what it printed, and its exit code.
func run(t *testing.T, env environment, stdin string, args ...string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(ctx, t, env, args...)
	cmd.Stdin = strings.NewReader(stdin)
	text, err := cmd.CombinedOutput()
	require.NoError(t, ctx.Err(), "%s: %s", args, text)
	if err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// interrupted sends Ctrl-C to a command that waits for something, its standard input open, and returns its exit code.
func interrupted(t *testing.T, env environment, args ...string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(ctx, t, env, args...)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	defer func() { _ = stdin.Close() }()
	require.NoError(t, cmd.Start())
	time.Sleep(time.Second)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.ErrorAs(t, cmd.Wait(), new(*exec.ExitError))
	require.NoError(t, ctx.Err())
	return cmd.ProcessState.ExitCode()
}

// process is a running server and all that it has printed.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}

	mu      sync.Mutex
	printed bytes.Buffer
}

// start runs a command that goes on, and stops it with the test.
func start(t *testing.T, env environment, args ...string) *process {
	t.Helper()
	p := &process{cmd: command(context.WithoutCancel(t.Context()), t, env, args...), done: make(chan struct{})}
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	p.cmd.Stdout, p.cmd.Stderr = writer, writer
	require.NoError(t, p.cmd.Start())
	require.NoError(t, writer.Close())
	go p.read(reader)
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			p.stop(t)
		}
		if t.Failed() {
			t.Log(p.text())
		}
	})
	return p
}

func (p *process) read(r io.Reader) {
	defer close(p.done)
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		p.mu.Lock()
		p.printed.WriteString(line)
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.printed.String()
}

// wait returns the first group of pattern in what was printed, as soon as it was.
func (p *process) wait(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if found := re.FindStringSubmatch(p.text()); found != nil {
			return found[len(found)-1]
		}
		select {
		case <-p.done:
			require.Failf(t, "the process ended", "waiting for %s:\n%s", pattern, p.text())
		default:
		}
	}
	require.Failf(t, "not printed in time", "%s:\n%s", pattern, p.text())
	return ""
}

// stop asks the process to stop, as a terminal or a supervisor would, and wants it to end well.
func (p *process) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGINT))
	kill := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	<-p.done
	require.NoError(t, p.cmd.Wait(), p.text())
}
