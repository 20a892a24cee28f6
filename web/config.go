package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
	"golang.org/x/net/http/httpguts"
)

// Config is what the program is told, by flags or by the environment. The environment's name of a field is its
// flag's in capitals: --influx-url is INFLUX_URL. An empty variable counts as unset.
type Config struct {
	Host             string `default:"127.0.0.1" help:"Address to listen on; 0.0.0.0 is every one of this machine."`
	Port             string `default:"5000" help:"Port to listen on; 0 takes a free one."`
	PublicURL        string `name:"public-url" help:"How people and devices reach the app, such as https://iot.example.org. Unset: as the request came."`
	DataDir          string `default:"data" help:"Folder of the embedded InfluxDB and of the key file."`
	InfluxURL        string `name:"influx-url" help:"Base URL of an InfluxDB 2.x. Unset: the embedded one."`
	InfluxToken      string `help:"Its all-access token; needed with INFLUX_URL. Embedded: made from the secret key when unset."`
	InfluxTokenFile  string `help:"File that holds INFLUX_TOKEN."`
	InfluxOrg        string `default:"iot_center" help:"Its organisation."`
	InfluxBucket     string `default:"iot_center" help:"Bucket of the devices' data."`
	InfluxBucketAuth string `default:"iot_center_auth" help:"Bucket of the registrations; no device reads it."`
	InfluxPublicURL  string `name:"influx-public-url" help:"The address that devices are told to write to. Unset: PUBLIC_URL + /influx."`
	SecretKey        string `help:"At least 32 characters, from which all keys derive; the same for all replicas. Needed with INFLUX_URL; embedded: a key file in DATA_DIR when unset."`
	SecretKeyFile    string `help:"File that holds SECRET_KEY."`
	EmbeddedListen   string `help:"Address at which other programs reach the embedded InfluxDB, such as 127.0.0.1:8086."`

	TLSCert string `name:"tls-cert" help:"Certificate file (PEM, with the chain) to serve HTTPS with; read again when it changes."`
	TLSKey  string `name:"tls-key" help:"Its key file."`

	TrustedProxies  string `help:"Addresses and networks of reverse proxies whose X-Forwarded-For, -Proto and -Host are believed, such as 127.0.0.1,10.0.0.0/8."`
	AuthProxyHeader string `help:"Header in which a trusted proxy names the person who signed in there."`

	AdminPassword     string `help:"Password of the first account, admin. Unset: one is made and printed."`
	AdminPasswordFile string `help:"File that holds ADMIN_PASSWORD."`
	APIKey            string `name:"api-key" help:"An API key of level ADMIN for automation, valid while it is set: 32 or more printable characters."`
	APIKeyFile        string `name:"api-key-file" help:"File that holds API_KEY."`

	LimitDeviceRequests int `default:"200" help:"Writes a second of one device; 0 is no limit."`
	LimitDevicePoints   int `default:"200000" help:"Points a second of one device; 0 is no limit."`
	LimitRequests       int `default:"20000" help:"Writes a second of all devices, on this replica; 0 is no limit."`
	LimitPoints         int `default:"2000000" help:"Points a second of all devices, on this replica; 0 is no limit."`

	LogLevel  string `default:"info" help:"debug, info, warn or error."`
	LogFormat string `default:"text" help:"text or json."`

	// InsecureOpen tells that INSECURE_OPEN is set, which earlier versions asked for and this one ignores.
	InsecureOpen bool `kong:"-"`
}

// commandLine is the whole of it: the configuration and the commands.
type commandLine struct {
	Config  `embed:""`
	Serve   struct{} `cmd:"" default:"1" help:"Run the IoT Center (the default)."`
	Health  struct{} `cmd:"" help:"Ask the IoT Center on this machine whether it lives (for health checks of containers)."`
	Version struct{} `cmd:"" help:"Print the version."`

	ResetPassword resetArgs `cmd:"" help:"Give an account a new password, and print it; an account that is missing is made, as an admin."`

	Backup  backupArgs  `cmd:"" help:"Write everything that the embedded InfluxDB holds, and the key, into an archive; while the program runs, too."`
	Restore restoreArgs `cmd:"" help:"Put an archive back into DATA_DIR; the program must not run."`
	Export  exportArgs  `cmd:"" help:"Write the points of a bucket as line protocol."`
	Import  importArgs  `cmd:"" help:"Write line protocol into a bucket."`
}

type resetArgs struct {
	Name string `arg:"" optional:"" default:"admin" help:"The account's name."`
}

type backupArgs struct {
	File  string `arg:"" help:"The archive, such as iot.tar.zst; - is standard output."`
	Force bool   `noenv:"" help:"Replace FILE if it exists."`
}

type restoreArgs struct {
	File    string `arg:"" help:"The archive; - is standard input."`
	Replace bool   `noenv:"" help:"Move what is in DATA_DIR aside."`
}

type exportArgs struct {
	File   string `arg:"" help:"Where to; packed if the name ends in .gz; - is standard output."`
	Bucket string `noenv:"" help:"Which bucket; unset: INFLUX_BUCKET."`
	Start  string `noenv:"" help:"From this time on, such as 2026-01-31 or 2026-01-31T12:00:00Z."`
	Stop   string `noenv:"" help:"Before this time."`
	Force  bool   `noenv:"" help:"Replace FILE if it exists."`
}

type importArgs struct {
	File   string `arg:"" help:"Line protocol with times in nanoseconds, packed with gzip or not; - is standard input."`
	Bucket string `noenv:"" help:"Which bucket, which has to exist; unset: INFLUX_BUCKET."`
}

// envName is the environment's name of a flag.
func envName(flag string) string { return strings.ToUpper(strings.ReplaceAll(flag, "-", "_")) }

// errHelped says that help was asked for and printed.
var errHelped = errors.New("help was printed")

// parse reads flags and environment; flags win. It gives the command's name.
func parse(args []string, getenv func(string) string, out io.Writer) (cli commandLine, command string, err error) {
	helped := false
	parser, err := kong.New(&cli,
		kong.Name("iot-center"),
		kong.Description("Device registrations, a write gateway and dashboards on InfluxDB 2.x. Each option can also be set by the environment variable in parentheses."),
		kong.Writers(out, out),
		kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true}),
		kong.ValueFormatter(func(v *kong.Value) string {
			if v.Flag == nil || v.Name == "help" || v.Tag.Has("noenv") {
				return v.Help
			}
			return v.Help + " ($" + envName(v.Name) + ")"
		}),
		kong.Resolvers(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
			if v := getenv(envName(flag.Name)); v != "" && flag.Name != "help" && !flag.Tag.Has("noenv") {
				return v, nil
			}
			return nil, nil
		})),
	)
	if err != nil {
		return commandLine{}, "", err
	}
	parsed, err := parser.Parse(args)
	if helped {
		return commandLine{}, "", errHelped
	}
	if err != nil {
		return commandLine{}, "", err
	}
	cli.InsecureOpen = getenv("INSECURE_OPEN") != ""
	command, _, _ = strings.Cut(parsed.Command(), " ") // what follows names its arguments
	return cli, command, nil
}

// embedded tells whether the program brings its own database.
func (c Config) embedded() bool { return c.InfluxURL == "" }

// validate finds what makes no sense, all of it, naming the variables.
func (c Config) validate() error {
	var problems []error
	wrong := func(name, format string, a ...any) {
		problems = append(problems, fmt.Errorf(name+": "+format, a...))
	}
	if port, err := strconv.Atoi(c.Port); err != nil || port < 0 || port > 65535 {
		wrong("PORT", "%q is no port; it is a number from 0 to 65535", c.Port)
	}
	for _, u := range []struct{ name, value string }{
		{"INFLUX_URL", c.InfluxURL}, {"PUBLIC_URL", c.PublicURL}, {"INFLUX_PUBLIC_URL", c.InfluxPublicURL},
	} {
		if problem := urlProblem(u.value); problem != "" {
			wrong(u.name, "%s", problem)
		}
	}
	for _, n := range []struct{ name, value string }{
		{"INFLUX_ORG", c.InfluxOrg}, {"INFLUX_BUCKET", c.InfluxBucket}, {"INFLUX_BUCKET_AUTH", c.InfluxBucketAuth},
	} {
		if n.value == "" || strings.ContainsFunc(n.value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			wrong(n.name, "a name without control characters is needed")
		}
	}
	if strings.HasPrefix(c.InfluxBucket, "_") {
		wrong("INFLUX_BUCKET", "names that start with _ are InfluxDB's own")
	}
	if strings.HasPrefix(c.InfluxBucketAuth, "_") {
		wrong("INFLUX_BUCKET_AUTH", "names that start with _ are InfluxDB's own")
	}
	if c.InfluxBucket == c.InfluxBucketAuth {
		wrong("INFLUX_BUCKET_AUTH", "it is the same as INFLUX_BUCKET; registrations need a bucket of their own")
	}
	for _, s := range []struct{ name, value, file string }{
		{"SECRET_KEY", c.SecretKey, c.SecretKeyFile}, {"INFLUX_TOKEN", c.InfluxToken, c.InfluxTokenFile},
		{"ADMIN_PASSWORD", c.AdminPassword, c.AdminPasswordFile}, {"API_KEY", c.APIKey, c.APIKeyFile},
	} {
		if s.value != "" && s.file != "" {
			wrong(s.name, "%s_FILE is set as well; set one of them", s.name)
		}
	}
	if c.SecretKey != "" && len(c.SecretKey) < minSecret {
		wrong("SECRET_KEY", "it has %d characters; at least %d are needed", len(c.SecretKey), minSecret)
	}
	if c.embedded() {
		if c.DataDir == "" {
			wrong("DATA_DIR", "the embedded InfluxDB needs a folder")
		}
		if c.EmbeddedListen != "" {
			if _, _, err := net.SplitHostPort(c.EmbeddedListen); err != nil {
				wrong("EMBEDDED_LISTEN", "%q is no address of the form 127.0.0.1:8086", c.EmbeddedListen)
			}
		}
	} else {
		if c.SecretKey == "" && c.SecretKeyFile == "" {
			wrong("SECRET_KEY", "it is needed with INFLUX_URL, and has to be the same for all replicas")
		}
		if c.InfluxToken == "" && c.InfluxTokenFile == "" {
			wrong("INFLUX_TOKEN", "it is needed with INFLUX_URL")
		}
		if c.EmbeddedListen != "" {
			wrong("EMBEDDED_LISTEN", "with INFLUX_URL there is no embedded InfluxDB to open")
		}
	}
	if c.APIKey != "" {
		if problem := keyProblem(c.APIKey); problem != "" {
			wrong("API_KEY", "%s", problem)
		}
	}
	switch {
	case c.TLSCert != "" && c.TLSKey == "":
		wrong("TLS_KEY", "it is needed with TLS_CERT")
	case c.TLSKey != "" && c.TLSCert == "":
		wrong("TLS_CERT", "it is needed with TLS_KEY")
	}
	if _, err := c.trustedProxies(); err != nil {
		wrong("TRUSTED_PROXIES", "%v", err)
	}
	if c.AuthProxyHeader != "" {
		switch {
		case !validHeaderName(c.AuthProxyHeader):
			wrong("AUTH_PROXY_HEADER", "%q is no header that can name a person", c.AuthProxyHeader)
		case c.TrustedProxies == "":
			wrong("AUTH_PROXY_HEADER", "anybody could send it; it needs TRUSTED_PROXIES, which says who may")
		}
	}
	for _, l := range []struct {
		name  string
		value int
	}{
		{"LIMIT_DEVICE_REQUESTS", c.LimitDeviceRequests}, {"LIMIT_DEVICE_POINTS", c.LimitDevicePoints},
		{"LIMIT_REQUESTS", c.LimitRequests}, {"LIMIT_POINTS", c.LimitPoints},
	} {
		if l.value < 0 {
			wrong(l.name, "%d is less than nothing; 0 is no limit", l.value)
		}
	}
	if _, err := logLevel(c.LogLevel); err != nil {
		wrong("LOG_LEVEL", "%q is none of debug, info, warn, error", c.LogLevel)
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		wrong("LOG_FORMAT", "%q is neither text nor json", c.LogFormat)
	}
	return errors.Join(problems...)
}

// urlProblem says what is wrong with a base URL; an unset one is fine.
func urlProblem(s string) string {
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "it is no URL" // the error would quote it, with any password in it
	case u.Scheme != "http" && u.Scheme != "https":
		return "it has to begin with http:// or https://"
	case u.Host == "":
		return "it names no host"
	case u.User != nil:
		return "a user or password in it would show up on pages; leave it out"
	case u.RawQuery != "" || u.Fragment != "":
		return "it has to end before ? and #"
	default:
		return ""
	}
}

// https tells whether the program serves HTTPS itself.
func (c Config) https() bool { return c.TLSCert != "" }

// trustedProxies reads TRUSTED_PROXIES: addresses and networks between commas. A v4-mapped one is the IPv4 one that it
// stands for.
func (c Config) trustedProxies() ([]netip.Prefix, error) {
	if c.TrustedProxies == "" {
		return nil, nil
	}
	var out []netip.Prefix
	for entry := range strings.SplitSeq(c.TrustedProxies, ",") {
		p, ok := network(strings.TrimSpace(entry))
		if !ok {
			return nil, fmt.Errorf("%q is no address and no network; they look like 127.0.0.1 and 10.0.0.0/8", strings.TrimSpace(entry))
		}
		out = append(out, p)
	}
	return out, nil
}

// network reads an address, or a network with its length.
func network(entry string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(entry)
	if err != nil {
		a, err := netip.ParseAddr(entry)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, false
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, false // the IPv4 addresses would be a small part of it, and never match
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}

// validHeaderName tells whether a header of this name can be one that a proxy adds for the app alone.
func validHeaderName(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Authorization", "Cookie", "Forwarded", "Host", "Origin", "Referer", "User-Agent", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto":
		return false // these mean something else, or come from the browser
	}
	return httpguts.ValidHeaderFieldName(name)
}

// keyProblem says what is wrong with an API_KEY; it never quotes it.
func keyProblem(key string) string {
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "it has a space, or something else that is no printable ASCII character"
	}
	if len(key) < minSecret {
		return fmt.Sprintf("it has %d characters; at least %d are needed", len(key), minSecret)
	}
	return ""
}

func logLevel(name string) (slog.Level, error) {
	var l slog.Level
	switch name {
	case "debug", "info", "warn", "error":
		err := l.UnmarshalText([]byte(name))
		return l, err
	}
	return l, os.ErrInvalid
}
