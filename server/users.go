package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/operation"
)

const (
	usersPath = "/v1/users"
	userPath  = usersPath + "/{user_id}"
)

func (s *Server) userRoutes() []route {
	const lastOnes = "Returns 409 `last_owner` for the only enabled owner of a tenant, and `last_platform_admin` for " +
		"the only enabled platform admin."
	return tagged(tagUsers,
		handle(platformAdmin, http.MethodGet, usersPath, "list-users", "List users", s.listUsers),
		handlePrepared(platformAdmin, http.MethodPost, usersPath, "create-user", "Create a user",
			s.prepareUser, s.createUser).withKey().success(http.StatusCreated).errors(http.StatusConflict),
		handle(platformAdmin, http.MethodGet, userPath, "get-user", "Get a user", s.getUser).
			errors(http.StatusNotFound),
		handle(platformAdmin, http.MethodPatch, userPath, "update-user", "Update a user", s.updateUser).
			errors(updateErrors...).errors(http.StatusConflict).
			description("Omitted properties keep their values. Disabling a user ends all their sessions. "+lastOnes),
		handle(platformAdmin, http.MethodDelete, userPath, "erase-user", "Erase a user", s.eraseUser).
			withoutTransaction().withTenantTraffic().
			errors(http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed).
			description("Disables the user and deletes the person's data in all tenants: name, address, memberships, "+
				"invitations, sessions, links and mail. Audit events keep the id and the network address. It cannot "+
				"be undone. If it fails, repeat the request. "+lastOnes),
		handle(platformAdmin, http.MethodPost, userPath+"/unlock", "unlock-user", "Clear a user's failed logins",
			s.unlockUser).errors(http.StatusNotFound),
		handle(platformAdmin, http.MethodDelete, userPath+"/sessions", "end-user-sessions",
			"End all sessions of a user", s.endUserSessions).errors(http.StatusNotFound),
		handle(platformAdmin, http.MethodGet, userPath+"/export", "export-user", "Export what is stored about a user",
			s.exportUser).withTenantTraffic().errors(http.StatusNotFound).
			description("Returns the newest 10,000 rows of each kind. Audit events are those that the user caused, "+
				"and those about the user. The export is recorded in the audit log."),
	)
}

// AccountView is a user as platform admins see it.
type AccountView struct {
	ID          uuid.UUID  `json:"id" format:"uuid"`
	Email       string     `json:"email"`
	Name        string     `json:"name"`
	IsAdmin     bool       `json:"is_admin" doc:"Whether the user is a platform admin."`
	DisabledAt  *time.Time `json:"disabled_at,omitempty" doc:"Absent for a user who may log in."`
	EmailProven bool       `json:"email_proven" doc:"Whether the user may join any tenant. Otherwise a mailed link has to prove the address first."`
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
}

// accountSummary is a user in a list.
type accountSummary struct {
	AccountView

	ETag string `json:"etag" doc:"Version of the resource, for If-Match."`
}

// UserPathInput is the path of a user.
type UserPathInput struct {
	UserID string `path:"user_id"`
}

type getUserInput struct {
	UserPathInput
	IfNoneMatchInput
}

type createUserInput struct {
	Body struct {
		Email    string `json:"email" minLength:"1" maxLength:"320" doc:"Case-insensitive and unique." example:"ada@example.com"`
		Name     string `json:"name" minLength:"1" maxLength:"200" pattern:"\\S" example:"Ada Lovelace"`
		Password string `json:"password" minLength:"8" maxLength:"1024" writeOnly:"true"`
		IsAdmin  bool   `json:"is_admin,omitempty" doc:"Make the user a platform admin."`
	} `nameHint:"CreateUser"`
}

type updateUserInput struct {
	UserPathInput
	IfMatchInput

	Body struct {
		Name     *string `json:"name,omitempty" minLength:"1" maxLength:"200" pattern:"\\S"`
		Disabled *bool   `json:"disabled,omitempty" doc:"A disabled user cannot log in."`
		IsAdmin  *bool   `json:"is_admin,omitempty"`
	} `nameHint:"UpdateUser"`
}

type eraseUserInput struct {
	UserPathInput
	IfMatchInput
}

type listUsersInput struct {
	PageInput
	SearchInput

	Sort string `query:"sort" enum:"created_at,-created_at,name,-name,email,-email" default:"created_at" doc:"Order of the items; with - in front, descending."`
}

func (s *Server) listUsers(ctx context.Context, in *listUsersInput) (*listOutput[accountSummary], error) {
	list, err := s.users.List(ctx, in.sorted(in.Sort, in.SearchInput))
	if err != nil {
		return nil, err
	}
	return viewList(list, func(row *ent.PortalUser) accountSummary {
		return accountSummary{viewAccount(row), etag(row.UpdatedAt)}
	}), nil
}

// prepareUser hashes the password, which must hold no connection.
func (s *Server) prepareUser(ctx context.Context, in *createUserInput) (n operation.NewUser, err error) {
	if n.Email, err = account.NormalizeEmail(in.Body.Email); err != nil {
		return n, err
	}
	if n.Name, err = account.NormalizeName(in.Body.Name); err != nil {
		return n, err
	}
	if err := checkPassword("body.password", in.Body.Password); err != nil {
		return n, err
	}
	n.IsAdmin = in.Body.IsAdmin
	n.HashedPassword, err = s.logins.HashPassword(ctx, in.Body.Password, s.limitedClient(requestOf(ctx)))
	return n, err
}

func (s *Server) createUser(ctx context.Context, n operation.NewUser) (*itemOutput[AccountView], error) {
	row, err := s.users.Create(ctx, n)
	if err != nil {
		return nil, err
	}
	requestOf(ctx).setObject(objectUser, row.ID)
	requestOf(ctx).note(slog.Bool("is_admin", row.IsAdmin))
	out := item(row.UpdatedAt, viewAccount(row))
	out.Location = usersPath + "/" + row.ID.String()
	return out, nil
}

func (s *Server) getUser(ctx context.Context, in *getUserInput) (*itemOutput[AccountView], error) {
	row, err := s.users.Get(ctx, idOf(in.UserID))
	if err != nil {
		return nil, err
	}
	return item(row.UpdatedAt, viewAccount(row)), in.notModified(row.UpdatedAt)
}

func (s *Server) updateUser(ctx context.Context, in *updateUserInput) (*itemOutput[AccountView], error) {
	id, r := idOf(in.UserID), requestOf(ctx)
	match, err := required(ctx, in.IfMatchInput, id, s.users.Get)
	if err != nil {
		return nil, err
	}
	fields := operation.UserFields{Name: in.Body.Name, Disabled: in.Body.Disabled, IsAdmin: in.Body.IsAdmin}
	if fields.Name != nil {
		name, err := account.NormalizeName(*fields.Name)
		if err != nil {
			return nil, err
		}
		fields.Name = &name
	}
	row, err := s.users.Update(ctx, r.principal.TokenHash(), id, match, fields)
	if err != nil {
		return nil, err
	}
	r.note(slog.Bool("disabled", row.DisabledAt != nil), slog.Bool("is_admin", row.IsAdmin))
	return item(row.UpdatedAt, viewAccount(row)), nil
}

func (s *Server) eraseUser(ctx context.Context, in *eraseUserInput) (*struct{}, error) {
	principal, id := requestOf(ctx).principal, idOf(in.UserID)
	return nil, s.users.Erase(ctx, operation.Erasure{
		User: id, Match: in.optional(), By: principal.TokenHash(), Self: id == principal.ID, Record: s.record,
	})
}

func (s *Server) unlockUser(ctx context.Context, in *UserPathInput) (*struct{}, error) {
	return nil, s.users.Unlock(ctx, idOf(in.UserID))
}

func (s *Server) endUserSessions(ctx context.Context, in *UserPathInput) (*struct{}, error) {
	ended, err := s.users.EndSessions(ctx, idOf(in.UserID))
	requestOf(ctx).note(slog.Int64("sessions", ended))
	return nil, err
}

func viewAccount(row *ent.PortalUser) AccountView {
	return AccountView{
		ID: row.ID, Email: row.Email, Name: row.Name, IsAdmin: row.IsAdmin, DisabledAt: row.DisabledAt,
		EmailProven: row.UnprovenTenantID == nil, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
	}
}
