package mail

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The answers of smtpServer that are not responses.
const (
	hang = "hang"
	drop = "drop"
)

// smtpServer is an SMTP server on loopback. It accepts everything, unless answers has another response to a command.
// "GREETING" is the response to the connection, "." that to the content.
type smtpServer struct {
	port     string
	tls      *tls.Config
	implicit bool // TLS from the first byte
	offers   []string
	answers  map[string]string
	hangs    chan struct{} // closed when it hangs
	stop     chan struct{}
	sessions sync.WaitGroup

	mu   sync.Mutex
	seen transcript
}

// transcript is what the clients have sent.
type transcript struct {
	commands []string
	content  []string // of each message
	login    string   // decoded PLAIN
	secure   bool     // the login was encrypted
}

func (s *smtpServer) transcript() transcript {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// serve starts the server and returns the certificate authority that it is signed by.
func (s *smtpServer) serve(t *testing.T) *x509.CertPool {
	t.Helper()
	certificate, roots := certificateOf(t, "127.0.0.1")
	s.tls = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	s.hangs, s.stop = make(chan struct{}), make(chan struct{})
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, s.port, err = net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	s.sessions.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.sessions.Go(func() { s.session(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		close(s.stop)
		s.sessions.Wait()
	})
	return roots
}

func (s *smtpServer) session(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	if s.implicit {
		conn = tls.Server(conn, s.tls)
	}
	reader := textproto.NewReader(bufio.NewReader(conn))
	if !s.answer(conn, "GREETING", "220 test ESMTP") {
		return
	}
	for {
		line, err := reader.ReadLine()
		if err != nil {
			return
		}
		verb, argument, _ := strings.Cut(line, " ")
		s.record(func(seen *transcript) { seen.commands = append(seen.commands, line) })
		switch verb {
		case "EHLO":
			offers := strings.Join(append([]string{"test"}, s.offers...), "\r\n250-")
			if !s.answer(conn, verb, "250-"+offers+"\r\n250 HELP") {
				return
			}
		case "STARTTLS":
			if !s.answer(conn, verb, "220 go ahead") {
				return
			}
			conn = tls.Server(conn, s.tls)
			reader = textproto.NewReader(bufio.NewReader(conn))
		case "AUTH":
			_, secure := conn.(*tls.Conn)
			login, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(argument, "PLAIN "))
			s.record(func(seen *transcript) { seen.login, seen.secure = string(login), secure })
			if !s.answer(conn, verb, "235 welcome") {
				return
			}
		case "DATA":
			if !s.answer(conn, verb, "354 go on") {
				return
			}
			if s.answers["DATA"] != "" {
				continue
			}
			content, err := reader.ReadDotBytes()
			s.record(func(seen *transcript) { seen.content = append(seen.content, string(content)) })
			if err != nil || !s.answer(conn, ".", "250 queued") {
				return
			}
		case "QUIT":
			s.answer(conn, verb, "221 bye")
			return
		default:
			if !s.answer(conn, verb, "250 ok") {
				return
			}
		}
	}
}

// answer sends the response to a command, and reports whether the session goes on.
func (s *smtpServer) answer(conn net.Conn, verb, usual string) bool {
	response := usual
	if other, ok := s.answers[verb]; ok {
		response = other
	}
	switch response {
	case hang:
		close(s.hangs)
		<-s.stop
		return false
	case drop:
		return false
	}
	_, err := io.WriteString(conn, response+"\r\n")
	return err == nil
}

func (s *smtpServer) record(change func(seen *transcript)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.seen)
}

// certificateOf makes a certificate for a host, which is its own authority.
func certificateOf(t *testing.T, host string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.ParseIP(host)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func (s *smtpServer) url(scheme, userinfo string) string {
	return fmt.Sprintf("%s://%s127.0.0.1:%s", scheme, userinfo, s.port)
}
