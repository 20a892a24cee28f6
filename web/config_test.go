package main

import (
	"bytes"
	"errors"
	"fmt"
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
		InfluxBucketAuth: "iot_center_auth", LogLevel: "info", LogFormat: "text",
		LimitDeviceRequests: 200, LimitDevicePoints: 200_000, LimitRequests: 20_000, LimitPoints: 2_000_000}
	if c != want {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	if err := c.validate(); err != nil {
		t.Error(err)
	}
}

func TestFlagsWinOverTheEnvironment(t *testing.T) {
	env := map[string]string{"PORT": "6000", "DATA_DIR": "/env", "HOST": "", "INFLUX_URL": "http://db:8086",
		"INFLUX_PUBLIC_URL": "http://p", "PUBLIC_URL": "http://q", "SECRET_KEY_FILE": "/run/key", "LOG_FORMAT": "json",
		"LIMIT_DEVICE_REQUESTS": "0", "LIMIT_POINTS": "5", "TLS_CERT": "/c", "TLS_KEY": "/k", "TRUSTED_PROXIES": "::1", "AUTH_PROXY_HEADER": "X-User",
		"ADMIN_PASSWORD_FILE": "/p", "API_KEY_FILE": "/a"}
	c := parsed(t, env, "--port", "7000")
	if c.Port != "7000" || c.DataDir != "/env" || c.Host != "127.0.0.1" || c.InfluxURL != "http://db:8086" ||
		c.InfluxPublicURL != "http://p" || c.PublicURL != "http://q" || c.SecretKeyFile != "/run/key" || c.LogFormat != "json" || c.LimitDeviceRequests != 0 ||
		c.LimitPoints != 5 || c.TLSCert != "/c" || c.TLSKey != "/k" || c.TrustedProxies != "::1" || c.AuthProxyHeader != "X-User" ||
		c.AdminPasswordFile != "/p" || c.APIKeyFile != "/a" {
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

func TestResetPasswordIsAnAdminsUnlessNamed(t *testing.T) {
	for name, args := range map[string][]string{"admin": {"reset-password"}, "ada": {"reset-password", "ada"}} {
		cli, command, err := parse(args, func(string) string { return "" }, new(bytes.Buffer))
		if err != nil || command != "reset-password" || cli.ResetPassword.Name != name {
			t.Errorf("%v: %q of %q, %v", args, command, cli.ResetPassword.Name, err)
		}
	}
}

func TestTrustedProxies(t *testing.T) {
	got, err := Config{TrustedProxies: "127.0.0.1, 10.1.2.3/8,::1,FD00::/8,::ffff:192.0.2.1,::ffff:10.0.0.0/104"}.trustedProxies()
	if want := "[127.0.0.1/32 10.0.0.0/8 ::1/128 fd00::/8 192.0.2.1/32 10.0.0.0/8]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v; want %s", got, err, want)
	}
	for _, text := range []string{",", " ", "10.0.0.0/33", "10.0.0.0/", "10.0.0", "fe80::1%eth0", "localhost", "::ffff:0.0.0.0/95", "10.0.0.1;10.0.0.2", "*"} {
		if got, err := (Config{TrustedProxies: text}).trustedProxies(); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func FuzzTrustedProxies(f *testing.F) {
	for _, text := range []string{"127.0.0.1, 10.0.0.0/8", "::1,fd00::/8", "::ffff:10.0.0.0/104", ",", "fe80::1%x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Config{TrustedProxies: text}.trustedProxies()
		if err != nil {
			return
		}
		for _, p := range got {
			if !p.IsValid() || p.Addr().Is4In6() || p.Addr().Zone() != "" || p != p.Masked() {
				t.Errorf("%q: %v", text, p)
			}
		}
	})
}

func TestHelpNamesEachVariable(t *testing.T) {
	var out bytes.Buffer
	_, _, err := parse([]string{"--help"}, func(string) string { return "" }, &out)
	if !errors.Is(err, errHelped) {
		t.Fatal(err)
	}
	for _, name := range []string{"HOST", "PORT", "DATA_DIR", "INFLUX_URL", "INFLUX_TOKEN", "INFLUX_TOKEN_FILE", "INFLUX_ORG", "INFLUX_BUCKET",
		"INFLUX_BUCKET_AUTH", "SECRET_KEY", "SECRET_KEY_FILE", "INFLUX_PUBLIC_URL", "PUBLIC_URL", "EMBEDDED_LISTEN", "LOG_LEVEL", "LOG_FORMAT",
		"TLS_CERT", "TLS_KEY", "TRUSTED_PROXIES", "AUTH_PROXY_HEADER", "ADMIN_PASSWORD", "ADMIN_PASSWORD_FILE", "API_KEY", "API_KEY_FILE",
		"LIMIT_DEVICE_REQUESTS", "LIMIT_DEVICE_POINTS", "LIMIT_REQUESTS", "LIMIT_POINTS"} {
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
		{"any host", map[string]string{"HOST": "0.0.0.0"}, ""},
		{"a host by name", map[string]string{"HOST": "iot.example.org"}, ""},
		{"what earlier versions asked for", map[string]string{"HOST": "0.0.0.0", "INSECURE_OPEN": "true"}, ""},
		{"password twice", map[string]string{"ADMIN_PASSWORD": "secret@word", "ADMIN_PASSWORD_FILE": "/p"}, "ADMIN_PASSWORD: ADMIN_PASSWORD_FILE is set as well"},
		{"API key", map[string]string{"API_KEY": key}, ""},
		{"API key twice", map[string]string{"API_KEY": key, "API_KEY_FILE": "/k"}, "API_KEY: API_KEY_FILE is set as well"},
		{"short API key", map[string]string{"API_KEY": "secret@short"}, "API_KEY: it has 12 characters; at least 32 are needed"},
		{"API key with a space", map[string]string{"API_KEY": key + " "}, "API_KEY: it has a space"},
		{"API key beyond ASCII", map[string]string{"API_KEY": key + "é"}, "API_KEY: it has a space, or something else"},
		{"API key with a line", map[string]string{"API_KEY": key + "\n"}, "API_KEY: it has a space, or something else"},
		{"certificate without key", map[string]string{"TLS_CERT": "/c"}, "TLS_KEY: it is needed with TLS_CERT"},
		{"key without certificate", map[string]string{"TLS_KEY": "/k"}, "TLS_CERT: it is needed with TLS_KEY"},
		{"proxies", map[string]string{"TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8,::1,fd00::/8"}, ""},
		{"a proxy by name", map[string]string{"TRUSTED_PROXIES": "127.0.0.1,nginx"}, `TRUSTED_PROXIES: "nginx" is no address and no network`},
		{"a proxy too much", map[string]string{"TRUSTED_PROXIES": "127.0.0.1,"}, `TRUSTED_PROXIES: "" is no address`},
		{"a proxy with a port", map[string]string{"TRUSTED_PROXIES": "127.0.0.1:80"}, "TRUSTED_PROXIES: "},
		{"proxy header", map[string]string{"AUTH_PROXY_HEADER": "x-remote-user", "TRUSTED_PROXIES": "127.0.0.1"}, ""},
		{"proxy header from anybody", map[string]string{"AUTH_PROXY_HEADER": "X-Remote-User"}, "AUTH_PROXY_HEADER: anybody could send it"},
		{"proxy header that is none", map[string]string{"AUTH_PROXY_HEADER": "X Remote", "TRUSTED_PROXIES": "127.0.0.1"}, `AUTH_PROXY_HEADER: "X Remote" is no header`},
		{"proxy header that browsers send", map[string]string{"AUTH_PROXY_HEADER": "cookie", "TRUSTED_PROXIES": "127.0.0.1"}, `AUTH_PROXY_HEADER: "cookie" is no header`},
		{"no limit", map[string]string{"LIMIT_REQUESTS": "0", "LIMIT_POINTS": "0", "LIMIT_DEVICE_REQUESTS": "0", "LIMIT_DEVICE_POINTS": "0"}, ""},
		{"less than no limit", map[string]string{"LIMIT_DEVICE_POINTS": "-1"}, "LIMIT_DEVICE_POINTS: -1 is less than nothing"},
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
	err := parsed(t, map[string]string{"PORT": "x", "TLS_CERT": "/c", "LOG_LEVEL": "x"}).validate()
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("%v", err)
	}
}
