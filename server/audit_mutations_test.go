package server_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/uuid"
)

const botToken = "xoxb-secret-of-the-walk"

// mutation is a request that succeeds, and its event: by whom and on what.
type mutation struct {
	by       client
	actor    any // nil: anybody may ask for a link
	path     string
	body     any
	header   []string
	kind, id string // of the object; an empty id is that of the response
	platform bool   // the event is the platform's
}

// mutations returns the preparation of each mutation, by operation.
func (w *walk) mutations(t *testing.T) map[string]func() mutation {
	t.Helper()
	all := w.tenantMutations(t)
	maps.Copy(all, w.memberMutations(t))
	maps.Copy(all, w.personMutations(t))
	maps.Copy(all, w.adminMutations(t))
	return all
}

// byOwner returns a mutation by the tenant's owner, on the object whose id ends the path, if any.
func (w *walk) byOwner(kind, path string, body any) mutation {
	m := mutation{by: w.owner.client, actor: w.owner.id, path: path, body: body, kind: kind, header: []string{"If-Match", "*"}}
	if last := idText(path); uuid.Validate(last) == nil {
		m.id = last
	}
	return m
}

func (w *walk) tenantMutations(t *testing.T) map[string]func() mutation {
	t.Helper()
	connection := func() string {
		path, _ := w.connect(t, w.tenant, "T"+strings.ToUpper(uuid.NewString()[:8]))
		return path
	}
	agent := func() string {
		path, _ := w.createAgent(t, w.tenant)
		return path
	}
	const ofConnection = "channel_connection"
	secrets := object{"bot_token": botToken}
	return map[string]func() mutation{
		"update-tenant": func() mutation { return w.byOwner("tenant", w.tenant, object{"name": "Acme II"}) },
		"create-agent":  func() mutation { return w.byOwner("agent", w.tenant+"/agents", object{"name": "Mara"}) },
		"update-agent":  func() mutation { return w.byOwner("agent", agent(), object{"name": "Mara II"}) },
		"delete-agent":  func() mutation { return w.byOwner("agent", agent(), nil) },
		"duplicate-agent": func() mutation {
			return w.byOwner("agent", agent()+"/duplicate", object{"name": "Mara II"})
		},
		"create-channel-connection": func() mutation {
			return w.byOwner(ofConnection, w.tenant+"/channel-connections",
				object{"channel_type": "slack", "workspace_id": "T9", "secrets": secrets})
		},
		"update-channel-connection": func() mutation { return w.byOwner(ofConnection, connection(), object{"secrets": secrets}) },
		"delete-channel-connection": func() mutation { return w.byOwner(ofConnection, connection(), nil) },
	}
}

func (w *walk) memberMutations(t *testing.T) map[string]func() mutation {
	t.Helper()
	invited := func() (path string) {
		return w.owner.post(t, w.tenant+"/invitations", object{"email": uuid.NewString() + "@example.com", "role": "viewer"}).
			is(201).header.Get("Location")
	}
	return map[string]func() mutation{
		"update-member": func() mutation {
			return w.byOwner("user", w.hire(t, w.tenant, "viewer").path, object{"role": "editor"})
		},
		"remove-member": func() mutation { return w.byOwner("user", w.hire(t, w.tenant, "viewer").path, nil) },
		"create-invitation": func() mutation {
			return w.byOwner("invitation", w.tenant+"/invitations", object{"email": "ivy@example.com", "role": "viewer"})
		},
		"resend-invitation": func() mutation {
			m := w.byOwner("invitation", invited()+"/resend", nil)
			w.exec(t, `UPDATE mail_outbox SET sent_at = now()`) // otherwise the message in the queue has the new link
			return m
		},
		"revoke-invitation": func() mutation { return w.byOwner("invitation", invited(), nil) },
		"accept-invitation": func() mutation {
			p := w.person(t, "Pia")
			made := w.owner.post(t, w.tenant+"/invitations", object{"email": p.email, "role": "viewer"}).is(201)
			return mutation{
				by: p.client, actor: p.id, path: "/v1/invitations/accept", body: object{"token": w.mail(t, p.email)},
				kind: "invitation", id: idText(made.header.Get("Location")),
			}
		},
	}
}

// onThemselves returns a mutation of a user by the user.
func onThemselves(p person, path string, body any) mutation {
	return mutation{by: p.client, actor: p.id, path: path, body: body, kind: "user", id: p.id, platform: true}
}

// byLink returns a mutation of a user by a link.
func (w *walk) byLink(p person, path string, body any) mutation {
	m := onThemselves(p, path, body)
	m.by = w.anyone
	return m
}

func (w *walk) personMutations(t *testing.T) map[string]func() mutation {
	t.Helper()
	return map[string]func() mutation{
		"login": func() mutation {
			return mutation{
				by: w.anyone, actor: w.owner.id, path: "/v1/auth/login", kind: "session", platform: true,
				body: object{"email": w.owner.email, "password": password},
			}
		},
		"logout": func() mutation {
			m := onThemselves(w.person(t, "Pia"), "/v1/auth/logout", nil)
			m.kind, m.id = "session", m.by.get(t, "/v1/me").at("session", "id").(string)
			return m
		},
		"update-me": func() mutation { return onThemselves(w.person(t, "Pia"), "/v1/me", object{"name": "Pia II"}) },
		"change-password": func() mutation {
			return onThemselves(w.person(t, "Pia"), "/v1/me/password", object{"current_password": password, "new_password": newPassword})
		},
		"request-email-change": func() mutation {
			return onThemselves(w.person(t, "Pia"), "/v1/me/email",
				object{"current_password": password, "email": uuid.NewString() + "@example.org"})
		},
		"confirm-email": func() mutation {
			p, address := w.person(t, "Pia"), uuid.NewString()+"@example.org"
			p.post(t, "/v1/me/email", object{"current_password": password, "email": address}).is(202)
			return w.byLink(p, confirmPath, object{"token": w.open(t, "confirm_email", address)})
		},
		"forgot-password": func() mutation {
			p := w.person(t, "Pia")
			m := w.byLink(p, forgotPath, object{"email": p.email})
			m.actor = nil
			return m
		},
		"reset-password": func() mutation {
			p := w.person(t, "Pia")
			return w.byLink(p, resetPath, object{"token": w.forgot(t, p.email), "password": newPassword})
		},
		"end-other-sessions": func() mutation { return onThemselves(w.person(t, "Pia"), "/v1/me/sessions", nil) },
		"end-session": func() mutation {
			p := w.person(t, "Pia")
			other := w.login(t, p.email).get(t, "/v1/me").at("session", "id").(string)
			m := onThemselves(p, "/v1/me/sessions/"+other, nil)
			m.kind, m.id = "session", other
			return m
		},
	}
}

func (w *walk) adminMutations(t *testing.T) map[string]func() mutation {
	t.Helper()
	admin := w.admin.id(t)
	platform := func(kind, path string, body any) mutation {
		m := w.byOwner(kind, path, body)
		m.by, m.actor, m.platform = w.admin, admin, true
		return m
	}
	user := func() string { return "/v1/users/" + w.person(t, "Pia").id }
	onUser := func(suffix string) mutation {
		path := user()
		m := platform("user", path+suffix, nil)
		m.id = idText(path)
		return m
	}
	return map[string]func() mutation{
		"create-tenant": func() mutation { return platform("tenant", "/v1/tenants", object{"name": "b", "slug": "b"}) },
		"delete-tenant": func() mutation { return platform("tenant", w.createTenant(t, "c"), nil) },
		"create-user": func() mutation {
			return platform("user", "/v1/users", object{"email": "zoe@example.com", "name": "Zoe", "password": newPassword})
		},
		"update-user":       func() mutation { return platform("user", user(), object{"disabled": true}) },
		"erase-user":        func() mutation { return platform("user", user(), nil) },
		"unlock-user":       func() mutation { return onUser("/unlock") },
		"end-user-sessions": func() mutation { return onUser("/sessions") },
	}
}
