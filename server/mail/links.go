package mail

import "net/url"

// Links makes the links to the portal's pages. A token is in the fragment, which browsers do not send to servers.
type Links struct {
	// Portal is the URL of the portal. If it is nil, links are relative to it: /reset#token=….
	Portal *url.URL
}

// Invitation returns the link with which an invitation is accepted.
func (l Links) Invitation(token string) string { return l.page("invitation", token) }

// Reset returns the link with which a new password is set.
func (l Links) Reset(token string) string { return l.page("reset", token) }

// Confirm returns the link with which a new e-mail address is confirmed.
func (l Links) Confirm(token string) string { return l.page("confirm", token) }

func (l Links) page(name, token string) string {
	page := &url.URL{Path: "/" + name}
	if l.Portal != nil {
		page = l.Portal.JoinPath(name)
	}
	page.Fragment = "token=" + token
	return page.String()
}
