package main

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// minSecret is the shortest SECRET_KEY.
const minSecret = 32

// keyFile is where the embedded setup keeps the secret that it made.
const keyFile = "secret.key"

// secrets are what the program must never print.
type secrets struct {
	key         []byte // SECRET_KEY; the registry's sealing keys derive from it
	session     []byte // for session cookies
	people      []byte // for what API keys and sessions are recognised by
	influxToken string
	admin       string // ADMIN_PASSWORD; "" to make one
	apiKey      string // API_KEY; "" for none
}

// loadSecrets finds or makes them. The configuration has been validated.
func loadSecrets(c Config) (secrets, error) {
	key, err := fromFile("SECRET_KEY_FILE", c.SecretKeyFile, c.SecretKey)
	if err != nil {
		return secrets{}, err
	}
	if key == "" {
		if key, err = ownKey(c.DataDir); err != nil {
			return secrets{}, err
		}
	}
	if len(key) < minSecret {
		return secrets{}, fmt.Errorf("SECRET_KEY_FILE: it holds %d characters; at least %d are needed", len(key), minSecret)
	}
	out := secrets{key: []byte(key)}
	if out.session, err = derive(out.key, "iot-center session cookies"); err != nil {
		return secrets{}, err
	}
	if out.people, err = derive(out.key, "iot-center people"); err != nil {
		return secrets{}, err
	}
	if out.influxToken, err = fromFile("INFLUX_TOKEN_FILE", c.InfluxTokenFile, c.InfluxToken); err != nil {
		return secrets{}, err
	}
	if out.influxToken == "" {
		token, err := derive(out.key, "iot-center embedded InfluxDB token")
		if err != nil {
			return secrets{}, err
		}
		out.influxToken = base64.RawURLEncoding.EncodeToString(token)
	}
	if out.admin, err = fromFile("ADMIN_PASSWORD_FILE", c.AdminPasswordFile, c.AdminPassword); err != nil {
		return secrets{}, err
	}
	if out.apiKey, err = fromFile("API_KEY_FILE", c.APIKeyFile, c.APIKey); err != nil {
		return secrets{}, err
	}
	if out.apiKey != "" {
		if problem := keyProblem(out.apiKey); problem != "" {
			return secrets{}, fmt.Errorf("API_KEY_FILE: %s", problem)
		}
	}
	return out, nil
}

// derive makes a key of its own for a purpose.
func derive(secret []byte, purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, secret, nil, purpose, 48)
}

// fromFile is the value, or what the file holds without its last line break.
func fromFile(name, file, value string) (string, error) {
	if file == "" {
		return value, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	out := strings.TrimSpace(string(text))
	if out == "" {
		return "", fmt.Errorf("%s: %s is empty", name, file)
	}
	return out, nil
}

// ownKey reads the key file of the data folder, and makes it at the first start: whole or not at all, readable by
// this user alone, and never over one that is there.
func ownKey(dir string) (string, error) {
	path := filepath.Join(dir, keyFile)
	text, err := os.ReadFile(path)
	if err == nil {
		key := strings.TrimSpace(string(text))
		if len(key) < minSecret {
			return "", fmt.Errorf("DATA_DIR: %s is damaged; without it the registered devices' tokens cannot be opened", path)
		}
		return key, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("DATA_DIR: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("DATA_DIR: %w", err)
	}
	var random [32]byte
	rand.Read(random[:]) //nolint:errcheck // crypto/rand.Read never fails
	if err := writeNew(path, hex.EncodeToString(random[:])+"\n"); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("DATA_DIR: make the key file: %w", err)
	}
	// Another process may have been quicker: what is on the disk holds.
	text, err = os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("DATA_DIR: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// writeNew puts a file in place durably, or fails with fs.ErrExist. A link, unlike a rename, replaces nothing.
func writeNew(path, text string) error {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".secret-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(text)
	if err == nil {
		err = tmp.Sync()
	}
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
