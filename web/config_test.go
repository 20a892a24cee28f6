package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// parsed reads a configuration from flags and a made-up environment.
func parsed(t *testing.T, env map[string]string, args ...string) Config {
	t.Helper()
	c, command, err := parse(args, func(name string) string { return env[name] }, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	if command != "serve" {
		t.Fatalf("command %q", command)
	}
	return c.Config
}

func TestDefaultsAreValid(t *testing.T) {
	c := parsed(t, nil)
	want := Config{Host: "127.0.0.1", Port: "5000", DataDir: "data", InfluxOrg: "iot_center", InfluxBucket: "iot_center",
		InfluxBucketAuth: "iot_center_auth", LogLevel: "info", LogFormat: "text"}
	if c != want {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	if err := c.validate(); err != nil {
		t.Error(err)
	}
}

func TestFlagsWinOverTheEnvironment(t *testing.T) {
	env := map[string]string{"PORT": "6000", "DATA_DIR": "/env", "INSECURE_OPEN": "true", "HOST": "", "INFLUX_URL": "http://db:8086",
		"INFLUX_PUBLIC_URL": "http://p", "PUBLIC_URL": "http://q", "SECRET_KEY_FILE": "/run/key", "LOG_FORMAT": "json"}
	c := parsed(t, env, "--port", "7000")
	if c.Port != "7000" || c.DataDir != "/env" || !c.InsecureOpen || c.Host != "127.0.0.1" || c.InfluxURL != "http://db:8086" ||
		c.InfluxPublicURL != "http://p" || c.PublicURL != "http://q" || c.SecretKeyFile != "/run/key" || c.LogFormat != "json" {
		t.Errorf("%+v", c)
	}
}

func TestCommands(t *testing.T) {
	if _, command, err := parse([]string{"version"}, func(string) string { return "" }, new(bytes.Buffer)); command != "version" || err != nil {
		t.Errorf("%q, %v", command, err)
	}
	if _, _, err := parse([]string{"--no-such-flag"}, func(string) string { return "" }, new(bytes.Buffer)); err == nil {
		t.Error("an unknown flag is taken")
	}
	if versionText() == "" {
		t.Error("no version")
	}
}

func TestHelpNamesEachVariable(t *testing.T) {
	var out bytes.Buffer
	_, _, err := parse([]string{"--help"}, func(string) string { return "" }, &out)
	if !errors.Is(err, errHelped) {
		t.Fatal(err)
	}
	for _, name := range []string{"HOST", "PORT", "DATA_DIR", "INFLUX_URL", "INFLUX_TOKEN", "INFLUX_TOKEN_FILE", "INFLUX_ORG", "INFLUX_BUCKET",
		"INFLUX_BUCKET_AUTH", "SECRET_KEY", "SECRET_KEY_FILE", "INFLUX_PUBLIC_URL", "PUBLIC_URL", "EMBEDDED_LISTEN", "INSECURE_OPEN", "LOG_LEVEL", "LOG_FORMAT"} {
		if strings.Count(strings.Join(strings.Fields(out.String()), " "), "($"+name+")") != 1 {
			t.Errorf("%s is not told once in:\n%s", name, &out)
		}
	}
}

func TestValidate(t *testing.T) {
	key := strings.Repeat("k", 32)
	external := map[string]string{"INFLUX_URL": "http://db:8086", "INFLUX_TOKEN": "t", "SECRET_KEY": key}
	with := func(pairs ...string) map[string]string {
		env := map[string]string{}
		for k, v := range external {
			env[k] = v
		}
		for i := 0; i < len(pairs); i += 2 {
			env[pairs[i]] = pairs[i+1]
		}
		return env
	}
	rows := []struct {
		name string
		env  map[string]string
		want string // in the message; "" for none
	}{
		{"external", external, ""},
		{"external, no key", with("SECRET_KEY", ""), "SECRET_KEY: it is needed with INFLUX_URL"},
		{"external, no token", with("INFLUX_TOKEN", ""), "INFLUX_TOKEN: it is needed with INFLUX_URL"},
		{"external, files", with("SECRET_KEY", "", "SECRET_KEY_FILE", "/k", "INFLUX_TOKEN", "", "INFLUX_TOKEN_FILE", "/t"), ""},
		{"external and opened", with("EMBEDDED_LISTEN", "127.0.0.1:8086"), "EMBEDDED_LISTEN: with INFLUX_URL"},
		{"key twice", with("SECRET_KEY_FILE", "/k"), "SECRET_KEY: SECRET_KEY_FILE is set as well"},
		{"token twice", with("INFLUX_TOKEN_FILE", "/k"), "INFLUX_TOKEN: INFLUX_TOKEN_FILE is set as well"},
		{"short key", map[string]string{"SECRET_KEY": "short"}, "SECRET_KEY: it has 5 characters; at least 32 are needed"},
		{"no URL", with("INFLUX_URL", "db:8086"), "INFLUX_URL: it has to begin with http:// or https://"},
		{"no host", with("INFLUX_URL", "http:///x"), "INFLUX_URL: it names no host"},
		{"password", with("INFLUX_URL", "http://me:secret@db"), "INFLUX_URL: a user or password"},
		{"query", map[string]string{"PUBLIC_URL": "https://a/?x=1"}, "PUBLIC_URL: it has to end before"},
		{"ftp", map[string]string{"INFLUX_PUBLIC_URL": "ftp://a"}, "INFLUX_PUBLIC_URL: it has to begin"},
		{"port", map[string]string{"PORT": "65536"}, `PORT: "65536" is no port`},
		{"port in words", map[string]string{"PORT": "http"}, `PORT: "http" is no port`},
		{"any port", map[string]string{"PORT": "0"}, ""},
		{"open", map[string]string{"HOST": "0.0.0.0"}, `HOST: "0.0.0.0" can be reached from the network`},
		{"open by name", map[string]string{"HOST": "iot.example.org"}, "HOST: "},
		{"open on purpose", map[string]string{"HOST": "0.0.0.0", "INSECURE_OPEN": "true"}, ""},
		{"IPv6 loopback", map[string]string{"HOST": "::1"}, ""},
		{"localhost", map[string]string{"HOST": "localhost"}, ""},
		{"one bucket", map[string]string{"INFLUX_BUCKET_AUTH": "iot_center"}, "INFLUX_BUCKET_AUTH: it is the same as INFLUX_BUCKET"},
		{"system bucket", map[string]string{"INFLUX_BUCKET": "_monitoring"}, "INFLUX_BUCKET: names that start with _"},
		{"listen", map[string]string{"EMBEDDED_LISTEN": "8086"}, `EMBEDDED_LISTEN: "8086" is no address`},
		{"level", map[string]string{"LOG_LEVEL": "loud"}, `LOG_LEVEL: "loud"`},
		{"format", map[string]string{"LOG_FORMAT": "xml"}, `LOG_FORMAT: "xml"`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			err := parsed(t, row.env).validate()
			switch {
			case row.want == "" && err != nil:
				t.Error(err)
			case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
				t.Errorf("got %v, want %q", err, row.want)
			case err != nil && (strings.Contains(err.Error(), "secret@") || strings.Contains(err.Error(), key)):
				t.Errorf("the message tells a secret: %v", err)
			}
		})
	}
}

func TestAllProblemsAreToldAtOnce(t *testing.T) {
	err := parsed(t, map[string]string{"PORT": "x", "HOST": "0.0.0.0", "LOG_LEVEL": "x"}).validate()
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("%v", err)
	}
}
