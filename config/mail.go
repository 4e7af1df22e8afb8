package config

import (
	"net/mail"
	"net/url"
	"strings"
	"unicode"
)

const (
	smtpVariable   = "KONSTRUCT_SMTP_URL"
	fromVariable   = "KONSTRUCT_MAIL_FROM"
	portalVariable = "KONSTRUCT_PORTAL_URL"

	fromProblem = "must be an address, such as Konstruct <noreply@example.com>"
)

// Mail is the SMTP server, and the portal to which links lead. Without SMTPURL nothing is mailed.
type Mail struct {
	SMTPURL   URL    `env:"KONSTRUCT_SMTP_URL"`
	MailFrom  string `env:"KONSTRUCT_MAIL_FROM"` // ada@example.com, or Ada <ada@example.com>
	PortalURL URL    `env:"KONSTRUCT_PORTAL_URL"`
}

// Portal returns the URL of the portal, or nil if it is unset.
func (m Mail) Portal() *url.URL {
	if !m.PortalURL.IsSet() {
		return nil
	}
	portal := *m.PortalURL.parsed()
	return &portal
}

func (m Mail) check(faults *Faults) {
	m.checkSMTP(faults)
	m.checkPortal(faults)
	mails := m.SMTPURL.IsSet() || faults.has(smtpVariable)
	switch {
	case m.MailFrom == "":
		faults.require(fromVariable, !mails, "is required with "+smtpVariable+"; "+fromProblem)
	case !isMailAddress(m.MailFrom):
		faults.add(fromVariable, fromProblem)
	default:
		faults.require(fromVariable, mails, "has no effect without "+smtpVariable+"; set both or none")
	}
	faults.require(portalVariable, !mails || m.PortalURL.IsSet() || faults.has(portalVariable),
		"is required with "+smtpVariable+", because mailed links lead to the portal")
}

func (m Mail) checkSMTP(faults *Faults) {
	faults.checkURL(smtpVariable, m.SMTPURL, "smtp", "smtps")
	if !m.SMTPURL.IsSet() || faults.has(smtpVariable) {
		return
	}
	u := m.SMTPURL.parsed()
	faults.require(smtpVariable, u.Path == "" || u.Path == "/", "must not have a path")
	faults.require(smtpVariable, u.RawQuery == "" || u.RawQuery == "tls=off", "has a parameter other than tls=off")
	faults.require(smtpVariable, u.RawQuery == "" || u.Scheme == "smtp" && m.SMTPURL.isLoopback(),
		"allows tls=off only in smtp:// URLs of this machine")
	faults.require(smtpVariable, u.User == nil || u.User.Username() != "" && m.SMTPURL.password() != "",
		"must have both user and password, or none")
}

func (m Mail) checkPortal(faults *Faults) {
	faults.checkURL(portalVariable, m.PortalURL, "https", "http")
	if !m.PortalURL.IsSet() || faults.has(portalVariable) {
		return
	}
	u := m.PortalURL.parsed()
	faults.require(portalVariable, u.Scheme == "https" || m.PortalURL.isLoopback(),
		"must begin with https:// unless the portal runs on this machine")
	faults.require(portalVariable, u.User == nil && u.RawQuery == "" && !u.ForceQuery,
		"must have neither user nor parameters, because it is mailed")
}

// isMailAddress also checks the parsed name, because parsing decodes the encoded words of RFC 2047.
func isMailAddress(text string) bool {
	address, err := mail.ParseAddress(text)
	return err == nil && !strings.ContainsFunc(text+address.Name, unicode.IsControl)
}
