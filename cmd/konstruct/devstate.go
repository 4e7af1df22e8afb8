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

// devState holds a development system's passwords and keys, generated at its first start.
type devState struct {
	// SuperuserPassword is empty in folders of older versions.
	SuperuserPassword string `json:"superuser_password,omitempty"`

	OwnerPassword string `json:"owner_password"`
	AppPassword   string `json:"app_password"`
	SecretsKey    []byte `json:"secrets_key"`
	SlackSecret   string `json:"slack_signing_secret"`
	AdminEmail    string `json:"admin_email"`
	AdminPassword string `json:"admin_password"`
}

// openDevState reads the state in folder, or creates it. The caller holds the lock of the folder.
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
		// The cause could quote passwords.
		return devState{}, fmt.Errorf("%s is damaged; without its passwords the data are lost: remove the folder %s "+
			"to start over",
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

// String omits the secrets.
func (s devState) String() string { return "[development system of " + s.AdminEmail + "]" }

// GoString omits the secrets.
func (s devState) GoString() string { return s.String() }

// secretsKey encodes the key for KONSTRUCT_SECRETS_KEY.
func (s devState) secretsKey() string { return base64.StdEncoding.EncodeToString(s.SecretsKey) }
