package handlers

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func prefixes(t testing.TB, texts ...string) (out []netip.Prefix) {
	t.Helper()
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

func TestClientBehindTrustedProxies(t *testing.T) {
	app := newTestApp(t, func(o *Options) {
		o.TrustedProxies = prefixes(t, "10.0.0.0/8", "127.0.0.1/32", "fd00::/8", "::1/128")
	})
	rows := []struct {
		name, peer     string
		headers        []string // name, value, …; a name may come more than once
		address        string
		secure, behind bool
		host           string
	}{
		{"no proxy", "198.51.100.7:4000", nil, "198.51.100.7", false, false, "app.example"},
		{"forged by a stranger", "198.51.100.7:4000",
			[]string{"X-Forwarded-For", "1.2.3.4", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "evil.example"}, "198.51.100.7", false, false, "app.example"},
		{"a proxy that says nothing", "10.1.2.3:4000", nil, "10.1.2.3", false, true, "app.example"},
		{"one proxy", "10.1.2.3:4000",
			[]string{"X-Forwarded-For", "198.51.100.7", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "iot.example.org:8443"}, "198.51.100.7", true, true, "iot.example.org:8443"},
		{"a chain", "127.0.0.1:4000", []string{"X-Forwarded-For", "198.51.100.7, 10.0.0.2,10.0.0.1"}, "198.51.100.7", false, true, "app.example"},
		{"a chain in two headers", "127.0.0.1:4000", []string{"X-Forwarded-For", "198.51.100.7", "X-Forwarded-For", "10.0.0.2"}, "198.51.100.7", false, true, "app.example"},
		{"what the client forged is left of it", "10.0.0.1:4000", []string{"X-Forwarded-For", "127.0.0.1, 1.2.3.4, 198.51.100.7"}, "198.51.100.7", false, true, "app.example"},
		{"forged in a header of its own", "10.0.0.1:4000", []string{"X-Forwarded-For", "1.2.3.4", "X-Forwarded-For", "198.51.100.7"}, "198.51.100.7", false, true, "app.example"},
		{"all are trusted", "10.0.0.1:4000", []string{"X-Forwarded-For", "10.0.0.3, 10.0.0.2"}, "10.0.0.3", false, true, "app.example"},
		{"garbage ends the walk", "10.0.0.1:4000", []string{"X-Forwarded-For", "198.51.100.7, unknown, 10.0.0.2"}, "10.0.0.2", false, true, "app.example"},
		{"nothing but garbage", "10.0.0.1:4000", []string{"X-Forwarded-For", "<script>"}, "10.0.0.1", false, true, "app.example"},
		{"an empty entry", "10.0.0.1:4000", []string{"X-Forwarded-For", "198.51.100.7,"}, "10.0.0.1", false, true, "app.example"},
		{"an empty header", "10.0.0.1:4000", []string{"X-Forwarded-For", ""}, "10.0.0.1", false, true, "app.example"},
		{"with a port", "10.0.0.1:4000", []string{"X-Forwarded-For", "198.51.100.7:5555"}, "198.51.100.7", false, true, "app.example"},
		{"IPv6", "[::1]:4000", []string{"X-Forwarded-For", "2001:db8::7, fd00::2"}, "2001:db8::7", false, true, "app.example"},
		{"IPv6 with a port", "[fd12::1]:4000", []string{"X-Forwarded-For", "[2001:db8::7]:443"}, "2001:db8::7", false, true, "app.example"},
		{"IPv6 with a zone", "10.0.0.1:4000", []string{"X-Forwarded-For", "fe80::1%eth0"}, "10.0.0.1", false, true, "app.example"},
		{"a v4-mapped peer", "[::ffff:10.0.0.1]:4000", []string{"X-Forwarded-For", "198.51.100.7"}, "198.51.100.7", false, true, "app.example"},
		{"a v4-mapped entry", "10.0.0.1:4000", []string{"X-Forwarded-For", "::ffff:198.51.100.7, ::ffff:10.0.0.2"}, "198.51.100.7", false, true, "app.example"},
		{"a v4-mapped stranger", "[::ffff:198.51.100.7]:4000", []string{"X-Forwarded-For", "1.2.3.4"}, "198.51.100.7", false, false, "app.example"},
		{"a peer with a zone", "[fd00::1%eth0]:4000", []string{"X-Forwarded-For", "198.51.100.7"}, "198.51.100.7", false, true, "app.example"},
		{"no address at all", "@", []string{"X-Forwarded-For", "1.2.3.4"}, "invalid IP", false, false, "app.example"},
		{"plain at the proxy", "10.0.0.1:4000", []string{"X-Forwarded-Proto", "http"}, "10.0.0.1", false, true, "app.example"},
		{"an unknown scheme", "10.0.0.1:4000", []string{"X-Forwarded-Proto", "gopher"}, "10.0.0.1", false, true, "app.example"},
		{"schemes of two proxies", "10.0.0.1:4000", []string{"X-Forwarded-Proto", "http, https"}, "10.0.0.1", true, true, "app.example"},
		{"hosts of two proxies", "10.0.0.1:4000", []string{"X-Forwarded-Host", "forged.example, iot.example.org"}, "10.0.0.1", false, true, "iot.example.org"},
		{"a host that is none", "10.0.0.1:4000", []string{"X-Forwarded-Host", "me@evil.example"}, "10.0.0.1", false, true, "app.example"},
		{"Forwarded is not read", "10.0.0.1:4000", []string{"Forwarded", "for=1.2.3.4;proto=https;host=evil.example"}, "10.0.0.1", false, true, "app.example"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "http://app.example/healthz", nil)
			r.RemoteAddr = row.peer
			for i := 0; i < len(row.headers); i += 2 {
				r.Header.Add(row.headers[i], row.headers[i+1])
			}
			got := app.clientOf(r)
			if got.Address.String() != row.address || got.Secure != row.secure || got.Proxied != row.behind || got.Host != row.host {
				t.Errorf("%+v", got)
			}
		})
	}
}

// What a client says of itself shows nowhere: not in the log, not in links, not in the headers for encrypted connections.
func TestForgedForwardingHeadersAreIgnored(t *testing.T) {
	forged := []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "forged.example"}
	for _, trusted := range []bool{false, true} {
		app := newTestApp(t, func(o *Options) {
			if o.TrustedProxies = nil; trusted {
				o.TrustedProxies = prefixes(t, "192.0.2.1/32") // httptest's client
			}
		})
		var link string
		app.allow(app.router.Handle("/link", app.html(func(_ http.ResponseWriter, r *http.Request) error {
			link = app.influxURL(r)
			return nil
		})), everybody)
		w := app.do("GET", "http://app.example/link", "", forged...)
		log := app.log.String()
		if got := link == "https://forged.example/influx"; got != trusted {
			t.Errorf("trusted %v: the link is %s", trusted, link)
		}
		if got := strings.Contains(log, "remote=203.0.113.9"); got != trusted {
			t.Errorf("trusted %v: %s", trusted, log)
		}
		if got := w.Header().Get("Strict-Transport-Security") != ""; got != trusted {
			t.Errorf("trusted %v: %v", trusted, w.Header())
		}
	}
}

func TestSecureConnections(t *testing.T) {
	for name, row := range map[string]struct {
		public string
		tls    bool
		secure bool
		url    string
	}{
		"plain":           {"", false, false, "http://app.example"},
		"TLS here":        {"", true, true, "https://app.example"},
		"PUBLIC_URL":      {"https://iot.example.org", false, true, "https://iot.example.org"},
		"in capitals":     {"HTTPS://iot.example.org", false, true, "HTTPS://iot.example.org"},
		"http PUBLIC_URL": {"http://iot.example.org/", false, false, "http://iot.example.org"},
	} {
		t.Run(name, func(t *testing.T) {
			app := newTestApp(t, func(o *Options) { o.PublicURL = row.public })
			r := httptest.NewRequest("POST", "http://app.example/theme", strings.NewReader("theme=dark"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.TLS = nil
			if row.tls {
				r.TLS = &tls.ConnectionState{}
			}
			if got := app.clientOf(r).Secure; got != row.secure {
				t.Errorf("secure: %v", got)
			}
			if got := app.publicURL(r); got != row.url {
				t.Errorf("links begin with %s", got)
			}
			w := httptest.NewRecorder()
			app.savePreferences(w, r, preferences{Theme: "dark"})
			if c := w.Result().Cookies(); len(c) != 1 || c[0].Secure != row.secure {
				t.Errorf("cookies %v", c)
			}
		})
	}
}

func TestHostHeaders(t *testing.T) {
	for host, want := range map[string]bool{
		"app.example": true, "app.example:5000": true, "APP.example": true, "xn--bcher-kva.example": true, "my_host": true, "127.0.0.1:5000": true, "a.": true,
		"[::1]": true, "[::1]:5000": true, "[2001:db8::1]:443": true, "localhost": true, strings.Repeat("a", 253): true,
		"": false, ":5000": false, "a:": false, "a:0": false, "a:65536": false, "a:b": false, "a:+5": false, "me@app.example": false, "me:secret@app.example": false, "a b": false, "a\tb": false,
		"a\r\nb": false, "a\x00": false, "a/b": false, "a?b": false, "a#b": false, "a\\b": false, "a,b": false, "<script>": false, "bücher.example": false,
		"::1": false, "[::1": false, "::1]": false, "[fe80::1%25eth0]": false, "[127.0.0.1]": false, "[]": false, "a%41": false, strings.Repeat("a", 300): false,
	} {
		if got := validHost(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
	app := newTestApp(t, nil)
	for host, want := range map[string]int{"evil.example": 200, "": 200, "me@evil.example": 400, "a b": 400, "\"><script>": 400} {
		r := httptest.NewRequest("GET", "/healthz", nil)
		r.Host = host
		w := httptest.NewRecorder()
		app.Handler().ServeHTTP(w, r)
		if w.Code != want || strings.Contains(w.Body.String(), "script") {
			t.Errorf("Host %q: %d %s", host, w.Code, w.Body)
		}
	}
}

// Behind a proxy that has its own name for the app, a form of our own page is not taken for another site's.
func TestFormsThroughAProxyThatRenamesTheHost(t *testing.T) {
	headers := []string{"Sec-Fetch-Site", "", "Origin", "https://iot.example.org", "X-Forwarded-Host", "iot.example.org", "Content-Type", "application/x-www-form-urlencoded"}
	for trusted, want := range map[bool]int{true: 204, false: 403} {
		app := newTestApp(t, func(o *Options) {
			if o.TrustedProxies = nil; trusted {
				o.TrustedProxies = prefixes(t, "192.0.2.0/24")
			}
		})
		app.allow(app.router.Handle("/form", app.html(func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusNoContent)
			return nil
		})), signingIn)
		status(t, app.do("POST", "http://inner:5000/form", "a=b", headers...), want)
	}
}

func FuzzClient(f *testing.F) {
	f.Add("10.0.0.1:80", "198.51.100.7, 10.0.0.2", "https", "iot.example.org", "app.example")
	f.Add("198.51.100.7:80", "1.2.3.4", "https", "evil.example", "app.example:5000")
	f.Add("[::1]:80", "[2001:db8::7]:443, ::ffff:10.0.0.1, fe80::1%x", "http,https", "a, [::1]:8", "[::1]")
	f.Add("[fd00::1%eth0]:1", ",,, ,\t,", "", ":", "me@x")
	app := &Server{Options: Options{TrustedProxies: prefixes(f, "10.0.0.0/8", "::1/128", "fd00::/8")}}
	f.Fuzz(func(t *testing.T, peer, chain, proto, forwardedHost, host string) {
		r := &http.Request{RemoteAddr: peer, Host: host, Header: http.Header{
			"X-Forwarded-For": {chain}, "X-Forwarded-Proto": {proto}, "X-Forwarded-Host": {forwardedHost}}}
		own, got := peerOf(r), app.readClient(r)
		if got.Address.Is4In6() || got.Address.Zone() != "" {
			t.Errorf("address %v", got.Address)
		}
		if got.Proxied != app.trusts(own) {
			t.Errorf("behind a proxy: %v, peer %v", got.Proxied, own)
		}
		if !got.Proxied && (got.Address != own || got.Host != host || got.Secure) {
			t.Errorf("a stranger was believed: %+v", got)
		}
		if got.Address != own && !got.Address.IsValid() {
			t.Errorf("the address was lost: %+v", got)
		}
		if got.Host != host && !validHost(got.Host) {
			t.Errorf("host %q", got.Host)
		}
		if validHost(got.Host) && strings.ContainsAny(got.Host, " @/?#\\<>\"'\r\n\x00") {
			t.Errorf("host %q is valid", got.Host)
		}
	})
}
