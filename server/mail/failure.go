package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"

	gomail "github.com/wneessen/go-mail"
)

// permanentStatus is the first permanent status of SMTP (RFC 5321, section 4.2.1).
const permanentStatus = 500

// failure returns the error of a message that was not delivered. It is made from status codes and known errors, because
// a server may repeat the message, a command with the recipient, or the password in its responses.
func failure(ctx context.Context, err error) error {
	var refused *gomail.SendError
	if !errors.As(err, &refused) {
		return fmt.Errorf("mail: connect to the SMTP server: %w", connectFailure(ctx, err))
	}
	if refused.ErrorCode() == 0 {
		return fmt.Errorf("mail: %s: %w", refused.Reason, brokenConnection(ctx))
	}
	cause := fmt.Sprintf("%s: status %d %s", refused.Reason, refused.ErrorCode(), refused.EnhancedStatusCode())
	cause = strings.TrimSpace(cause)
	if refused.ErrorCode() >= permanentStatus && isAboutMessage(refused.Reason) {
		return fmt.Errorf("%w: %s", ErrPermanent, cause)
	}
	return errors.New("mail: " + cause)
}

// isAboutMessage reports whether a command is rejected for its recipient or its content.
func isAboutMessage(command gomail.SendErrReason) bool {
	return command == gomail.ErrSMTPRcptTo || command == gomail.ErrSMTPData || command == gomail.ErrSMTPDataClose
}

// brokenConnection explains an error that is not a response.
func brokenConnection(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return io.ErrUnexpectedEOF
}

// connectFailure returns the cause of an error before the first message: of the network or TLS, with the address of the
// server, or a status.
func connectFailure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if network, ok := errors.AsType[*net.OpError](err); ok {
		return network
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return certificate
	}
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return record
	}
	login := strings.Contains(err.Error(), "SMTP AUTH failed")
	status, ok := errors.AsType[*textproto.Error](err)
	switch {
	case ok && login:
		return fmt.Errorf("login: status %d", status.Code)
	case ok:
		return fmt.Errorf("status %d", status.Code)
	case login:
		return errors.New("login failed")
	case strings.Contains(err.Error(), "does not support STARTTLS"):
		return errors.New("it does not offer STARTTLS")
	case errors.Is(err, gomail.ErrNoSupportedAuthDiscovered),
		strings.Contains(err.Error(), "does not support SMTP AUTH"):
		return errors.New("it does not offer a supported login")
	}
	return errors.New("the connection was closed, or the response is not SMTP")
}
