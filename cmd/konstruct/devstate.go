package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/konstruct/konstruct/local"
)

// devState is what one development system is made of besides its data: its passwords and keys, drawn at its first start
// and kept beside the data, so that the next start finds everything as it was.
type devState struct {
	// SuperuserPassword is empty in a folder that an older version made: then the password is kept beside the data only.
	SuperuserPassword string `json:"superuser_password,omitempty"`

	OwnerPassword string `json:"owner_password"`
	AppPassword   string `json:"app_password"`
	SecretsKey    []byte `json:"secrets_key"`
	SlackSecret   string `json:"slack_signing_secret"`
	AdminEmail    string `json:"admin_email"`
	AdminPassword string `json:"admin_password"`
}

// openDevState reads the state kept in folder, or draws one and keeps it there, for the user alone to read. The folder
// exists, and no other process does the same.
func openDevState(folder string) (devState, error) {
	path := filepath.Join(folder, "dev.json")
	text, err := os.ReadFile(path) //nolint:gosec // the folder is the user's own choice
	if errors.Is(err, fs.ErrNotExist) {
		return newDevState(path)
	}
	if err != nil {
		return devState{}, err
	}
	var s devState
	if err := json.Unmarshal(text, &s); err != nil {
		// The text is not repeated: it is passwords.
		return devState{}, fmt.Errorf("%s is damaged, and holds the passwords of the data: remove the folder %s to start over",
			path, folder)
	}
	return s, nil
}

func newDevState(path string) (devState, error) {
	s := devState{
		SuperuserPassword: rand.Text(),
		OwnerPassword:     rand.Text(),
		AppPassword:       rand.Text(),
		SecretsKey:        make([]byte, 32),
		SlackSecret:       rand.Text(),
		AdminEmail:        "admin@example.com",
		AdminPassword:     rand.Text(),
	}
	_, _ = rand.Read(s.SecretsKey) // never fails
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return devState{}, err
	}
	return s, local.ReplaceFile(path, text)
}

// String hides the secrets.
func (s devState) String() string { return "[development system of " + s.AdminEmail + "]" }

// GoString hides the secrets.
func (s devState) GoString() string { return s.String() }

// secretsKey is the key as KONSTRUCT_SECRETS_KEY spells it.
func (s devState) secretsKey() string { return base64.StdEncoding.EncodeToString(s.SecretsKey) }
