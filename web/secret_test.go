package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestOwnKeyIsMadeOnceAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	c := parsed(t, map[string]string{"DATA_DIR": dir})
	var wg sync.WaitGroup
	keys := make([]string, 8)
	for i := range keys {
		wg.Go(func() {
			s, err := loadSecrets(c)
			if err != nil {
				t.Error(err)
			}
			keys[i] = string(s.key) + s.influxToken
		})
	}
	wg.Wait()
	for _, k := range keys {
		if k != keys[0] || len(k) < 64+64 {
			t.Fatalf("keys differ or are short: %q", keys)
		}
	}
	info, err := os.Stat(filepath.Join(dir, keyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("%d files are left, %v", len(files), err)
	}
}

func TestDamagedKeyFileIsNamed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, keyFile)
	if err := os.WriteFile(path, []byte("cut\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := loadSecrets(parsed(t, map[string]string{"DATA_DIR": dir}))
	if err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "cut") {
		t.Errorf("%v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "cut\n" {
		t.Error("the file was replaced")
	}
}

func TestSecretsFromFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key := strings.Repeat("k", 32)
	s, err := loadSecrets(Config{SecretKeyFile: write("key", key+"\n"), InfluxTokenFile: write("token", "abc\n")})
	if err != nil {
		t.Fatal(err)
	}
	if string(s.key) != key || s.influxToken != "abc" || len(s.session) < 32 {
		t.Errorf("%q %q", s.key, s.influxToken)
	}
	plain, err := loadSecrets(Config{SecretKey: key})
	if err != nil {
		t.Fatal(err)
	}
	if string(plain.session) != string(s.session) || plain.influxToken == "" || plain.influxToken == key {
		t.Error("keys do not derive from the secret alone")
	}
	given, err := loadSecrets(Config{SecretKey: key, AdminPasswordFile: write("password", "open sesame\n"), APIKeyFile: write("api", key+"\n")})
	if err != nil || given.admin != "open sesame" || given.apiKey != key || plain.admin != "" || plain.apiKey != "" {
		t.Errorf("%q, %q, %v", given.admin, given.apiKey, err)
	}
	for name, c := range map[string]Config{
		"API_KEY_FILE: it has 5": {SecretKey: key, APIKeyFile: write("short", "short")},
		"ADMIN_PASSWORD_FILE":    {SecretKey: key, AdminPasswordFile: filepath.Join(dir, "none")},
		"SECRET_KEY_FILE":        {SecretKeyFile: filepath.Join(dir, "none")},
		"SECRET_KEY_FILE: ":      {SecretKeyFile: write("short", "short")},
		"INFLUX_TOKEN_FILE":      {SecretKey: key, InfluxTokenFile: write("empty", "\n")},
	} {
		if _, err := loadSecrets(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
