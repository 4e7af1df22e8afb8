package operation

import (
	"cmp"
	"context"
	"database/sql"
	"errors"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/audit"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Acceptance accepts an invitation, as the logged-in User or with a new account.
type Acceptance struct {
	Token string
	// User is logged in, or nil.
	User *account.User
	// Name and Hash are for a new account. Hash hashes its password. It is called once, only if the link can be
	// accepted, and without a transaction.
	Name string
	Hash func(context.Context) (string, error)
	// Address is that of the person, for the audit log of the tenant that is joined.
	Address string
	// Record adds an event to the audit log in the context's transaction.
	Record func(context.Context, audit.Event) error
}

// Accepted is a membership from an invitation.
type Accepted struct {
	Link

	User account.User
	// Role is that of the invitation, or the user's earlier role if that is higher.
	Role string
	// NewPassword says that the account was created or taken over.
	NewPassword bool
}

// Accept adds a member by the token of a link, which works once. ctx must have no tenant. Returns the errors of
// [Invitations.LookUp] and of Hash, [ErrLoginRequired] if the address has an account and there is no User,
// [ErrWrongAccount], or [ErrUnproven].
//
// A mailed link proves the address. Until one does, an account can join only the tenant whose link made it. Because
// somebody else may have made it, or know its password, a mailed link is not accepted with its session: without one, it
// takes the account over, whose password, sessions, links and membership end, even that of a last owner.
func (i *Invitations) Accept(ctx context.Context, a Acceptance) (Accepted, error) {
	link, err := i.LookUp(ctx, a.Token)
	if err != nil {
		return Accepted{}, err
	}
	hash := ""
	switch {
	case a.User != nil:
		err = link.admits(*a.User)
	case !link.NeedsAccount:
		err = ErrLoginRequired
	default:
		if hash, err = a.Hash(ctx); err == nil {
			link, err = i.LookUp(ctx, a.Token) // it may have been revoked meanwhile
		}
	}
	if err != nil {
		return Accepted{}, err
	}
	if a.User == nil && link.unproven != uuid.Nil && link.unproven != link.Tenant.UUID() {
		if err := i.takeOverElsewhere(ctx, link, a, hash); err != nil {
			return Accepted{}, err
		}
	}
	accepted := Accepted{Link: link}
	err = pgtenant.InTx(tenancy.With(ctx, link.Tenant), i.DB.Tx, func(ctx context.Context, _ dialect.Tx) error {
		if err := i.use(ctx, link); err != nil {
			return err
		}
		if accepted.User, err = i.userOf(ctx, link, a, hash); err != nil {
			return err
		}
		if accepted.Role, err = i.join(ctx, accepted.User, link.Role); err != nil {
			return err
		}
		details := map[string]any{"role": accepted.Role, "mailed": link.mailed}
		if link.unproven != uuid.Nil { // the account had another password, and perhaps another role
			details["taken_over"] = true
		}
		return a.Record(ctx, audit.Event{
			ActorID: accepted.User.ID, Action: actionAccept, ObjectType: "invitation", ObjectID: link.invitation,
			Address: a.Address, Details: details,
		})
	})
	accepted.NewPassword = a.User == nil
	return accepted, err
}

const actionAccept = "accept-invitation"

// admits returns the error of a user who cannot use the link.
func (l Link) admits(u account.User) error {
	switch {
	case u.Email != l.Email:
		return ErrWrongAccount
	case u.UnprovenTenant != uuid.Nil && (l.mailed || u.UnprovenTenant != l.Tenant.UUID()):
		return ErrUnproven
	}
	return nil
}

// use ends the link, once. The tenant is locked against suspension and against changes of members.
func (i *Invitations) use(ctx context.Context, link Link) error {
	status, err := i.lockTenant(ctx, forShare)
	if errors.Is(err, ErrNotFound) {
		return &account.LinkError{Reason: account.LinkUnknown}
	}
	if err != nil {
		return err
	}
	used, err := pgtenant.Exec(ctx, i.DB, `UPDATE invitations i SET accepted_at = $3, updated_at = $3
		WHERE id = $1 AND token_hash = $2 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $3
		  AND `+inviterMay,
		link.invitation, link.tokenHash, i.Clock())
	if err != nil {
		return translate("accept an invitation", err)
	}
	if used > 0 {
		return tenantError(status)
	}
	row, err := i.Get(ctx, link.invitation)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return cmp.Or[error](statusError(row.Status), &account.LinkError{Reason: account.LinkUnknown})
}

// userOf returns the user who accepts: the one who is logged in, or a new account, or one that is taken over. The
// account may have changed since the link was looked up.
func (i *Invitations) userOf(ctx context.Context, link Link, a Acceptance, hash string) (account.User, error) {
	addresses := account.Addresses{DB: i.DB, Clock: i.Clock}
	user, err := addresses.Lock(ctx, link.Email)
	missing := errors.Is(err, account.ErrNoUser)
	switch {
	case err != nil && !missing:
		return account.User{}, err
	case a.User != nil && (missing || user.ID != a.User.ID || user.DisabledAt != nil):
		return account.User{}, ErrWrongAccount
	case a.User != nil:
		return user, link.admits(user)
	case missing:
		user = account.User{Email: link.Email, Name: a.Name}
		if !link.mailed {
			user.UnprovenTenant = link.Tenant.UUID()
		}
		user, err = addresses.Create(ctx, user, hash)
		if errors.Is(err, account.ErrTaken) {
			return account.User{}, ErrLoginRequired
		}
		return user, err
	case !link.mailed, !user.MayTakeOver(), user.UnprovenTenant != link.Tenant.UUID():
		return account.User{}, ErrLoginRequired
	}
	if _, err := i.removeMember(ctx, user.ID); err != nil {
		return account.User{}, err
	}
	user.Name, user.UnprovenTenant = a.Name, uuid.Nil
	return user, addresses.TakeOver(ctx, user, hash)
}

// join adds the user, whose account is locked, to the tenant, or raises the role of a member.
func (i *Invitations) join(ctx context.Context, user account.User, role string) (string, error) {
	members := &Members{i.Store}
	member, err := members.get(ctx, user.ID, ` FOR UPDATE OF m`)
	switch {
	case errors.Is(err, ErrNotFound):
		id, err := uuid.NewV7()
		if err != nil {
			return "", err
		}
		_, err = pgtenant.Exec(ctx, i.DB, `INSERT INTO memberships (id, user_id, role, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $4)`, id, user.ID, role, i.Clock())
		return role, translate("add a member", err)
	case err != nil:
		return "", err
	case account.Role(member.Role).Includes(account.Role(role)):
		return member.Role, nil
	}
	return role, members.setRole(ctx, &member, role)
}

// takeOverElsewhere takes over an account that may join only another tenant: it ends the membership there, and lets the
// account join the tenant of the link instead, whose transaction proves the address. In between it has no membership.
func (i *Invitations) takeOverElsewhere(ctx context.Context, link Link, a Acceptance, hash string) error {
	former, err := tenancy.FromUUID(link.unproven)
	if err != nil {
		return err
	}
	addresses := account.Addresses{DB: i.DB, Clock: i.Clock}
	return pgtenant.InTx(tenancy.With(ctx, former), i.DB.Tx, func(ctx context.Context, _ dialect.Tx) error {
		if _, err := i.lockTenant(ctx, forChange); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		user, err := addresses.Lock(ctx, link.Email)
		if err != nil && !errors.Is(err, account.ErrNoUser) {
			return err
		}
		if !user.MayTakeOver() || user.UnprovenTenant != link.unproven {
			return nil // it has changed since, which the next transaction refuses
		}
		role, err := i.removeMember(ctx, user.ID)
		if err != nil {
			return err
		}
		if role != "" { // without actor and address: the person was never in this tenant
			err := a.Record(ctx, audit.Event{
				Action: "remove-member", ObjectType: "user", ObjectID: user.ID, Details: map[string]any{"role": role},
			})
			if err != nil {
				return err
			}
		}
		user.Name, user.UnprovenTenant = a.Name, link.Tenant.UUID()
		return addresses.TakeOver(ctx, user, hash)
	})
}

// removeMember ends the user's membership in the context's tenant, and returns its role, or "" if there was none.
func (i *Invitations) removeMember(ctx context.Context, user uuid.UUID) (role string, err error) {
	err = pgtenant.QueryRow(ctx, i.DB, `DELETE FROM memberships WHERE user_id = $1 RETURNING role`, user).Scan(&role)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return role, translate("remove a member", err)
}
