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
)

// devState is what one development system is made of besides its data: its passwords and keys, drawn at its first start
// and kept beside the data, so that the next start finds everything as it was.
type devState struct {
	OwnerPassword string `json:"owner_password"`
	AppPassword   string `json:"app_password"`
	SecretsKey    []byte `json:"secrets_key"`
	SlackSecret   string `json:"slack_signing_secret"`
	AdminEmail    string `json:"admin_email"`
	AdminPassword string `json:"admin_password"`
}

// openDevState reads the state kept in folder, or draws one and keeps it there, for the user alone to read.
func openDevState(folder string) (devState, error) {
	path := filepath.Join(folder, "dev.json")
	text, err := os.ReadFile(path) //nolint:gosec // the folder is the user's own choice
	if errors.Is(err, fs.ErrNotExist) {
		return newDevState(folder, path)
	}
	if err != nil {
		return devState{}, err
	}
	var s devState
	if err := json.Unmarshal(text, &s); err != nil {
		// The text is not repeated: it is passwords.
		return devState{}, fmt.Errorf("%s can't be read: remove the folder %s to start anew", path, folder)
	}
	return s, nil
}

func newDevState(folder, path string) (devState, error) {
	s := devState{
		OwnerPassword: rand.Text(),
		AppPassword:   rand.Text(),
		SecretsKey:    make([]byte, 32),
		SlackSecret:   rand.Text(),
		AdminEmail:    "admin@example.com",
		AdminPassword: rand.Text(),
	}
	_, _ = rand.Read(s.SecretsKey) // never fails
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return devState{}, err
	}
	// Servers that root starts run as somebody else, who has to pass through to their own folders.
	if err := os.MkdirAll(folder, 0o711); err != nil { //nolint:gosec // nobody can list it, and what lies in it is 0600
		return devState{}, err
	}
	return s, os.WriteFile(path, text, 0o600)
}

// String hides the secrets.
func (s devState) String() string { return "[development system of " + s.AdminEmail + "]" }

// GoString hides the secrets.
func (s devState) GoString() string { return s.String() }

// secretsKey is the key as KONSTRUCT_SECRETS_KEY spells it.
func (s devState) secretsKey() string { return base64.StdEncoding.EncodeToString(s.SecretsKey) }
