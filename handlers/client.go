package handlers

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// clientInfo is who sent a request and how they reached the app, as far as it can be believed.
type clientInfo struct {
	// Address is the client's, without a zone and never v4-mapped. It is the zero Addr where the connection has none, as
	// that of a unix socket.
	Address netip.Addr
	// Secure tells that the person's connection is encrypted, here or at a trusted proxy, or is meant to be, because
	// PUBLIC_URL is https.
	Secure bool
	// Host is the name, with the port if there is one, by which the client reached the app. It makes links, and nothing is
	// decided by it; "" if the client named none.
	Host string
	// Proxied tells that a trusted proxy sent the request: what it says in other headers can be believed as well.
	Proxied bool
}

// clientOf is the client of a request, found out once when the request came in.
func (s *Server) clientOf(r *http.Request) clientInfo {
	if st, ok := r.Context().Value(stateKey{}).(*requestState); ok {
		return st.Client
	}
	return s.readClient(r)
}

// readClient finds the client out. Anybody can send X-Forwarded headers, so they count only where the connection itself
// comes from a trusted proxy. Forwarded (RFC 7239) is not read: a proxy that sets one kind would let a client's own
// headers of the other kind through.
func (s *Server) readClient(r *http.Request) clientInfo {
	c := clientInfo{Address: peerOf(r), Secure: s.secure || r.TLS != nil, Host: r.Host}
	if !s.trusts(c.Address) {
		return c
	}
	c.Proxied = true
	c.Address = s.forwardedFor(c.Address, r.Header.Values("X-Forwarded-For"))
	if strings.EqualFold(lastOf(r.Header.Values("X-Forwarded-Proto")), "https") {
		c.Secure = true
	}
	if host := lastOf(r.Header.Values("X-Forwarded-Host")); validHost(host) {
		c.Host = host
	}
	return c
}

// peerOf is the address at the other end of the connection.
func peerOf(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap().WithZone("")
}

// trusts tells whether an address is a trusted proxy's.
func (s *Server) trusts(a netip.Addr) bool {
	for _, p := range s.TrustedProxies {
		if p.Contains(a) { // never true for the zero Addr
			return true
		}
	}
	return false
}

// forwardedFor walks X-Forwarded-For from the right, where the nearest proxy wrote, over the trusted proxies to the first
// address that is none. What cannot be read ends the walk: nothing to the left of it can be believed, and the client is
// whoever wrote it.
func (s *Server) forwardedFor(nearest netip.Addr, lines []string) netip.Addr {
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			entry := rest
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, entry = rest[:comma], rest[comma+1:]
			} else {
				more = false
			}
			a, ok := forwardedAddress(strings.Trim(entry, " \t"))
			if !ok {
				return nearest
			}
			if nearest = a; !s.trusts(a) {
				return nearest
			}
		}
	}
	return nearest
}

// forwardedAddress reads an entry of X-Forwarded-For: an address, as some proxies write it also with a port. A zone means
// something on the machine that wrote it only, and could be any text.
func forwardedAddress(entry string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(entry)
	if err != nil {
		with, err := netip.ParseAddrPort(entry)
		if err != nil {
			return netip.Addr{}, false
		}
		a = with.Addr()
	}
	return a.Unmap(), a.Zone() == ""
}

// lastOf is the last entry of a header that proxies append to, which is what the nearest of them wrote.
func lastOf(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	last := lines[len(lines)-1]
	return strings.Trim(last[strings.LastIndexByte(last, ',')+1:], " \t")
}

// maxHost is the longest name that DNS knows, with a port.
const maxHost = 253 + len(":65535")

// validHost tells whether a text is a host's name or address, an IPv6 one in brackets, with or without a port.
func validHost(host string) bool {
	if host == "" || len(host) > maxHost {
		return false
	}
	name, port := host, ""
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		name, port = host[:colon], host[colon+1:]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		a, err := netip.ParseAddr(inner)
		return ok && err == nil && a.Is6() && a.Zone() == ""
	}
	for i := range len(name) {
		c := name[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_') {
			return false // other alphabets come as xn--…
		}
	}
	return name != ""
}

var errBadHost = &problem{Status: http.StatusBadRequest, Code: "invalid_host", Message: "The Host header is no host's name."}

// refuseBadHosts answers no request whose Host header could become anything but a host's name in a link. An old client
// that sends none at all is served.
func (s *Server) refuseBadHosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host := s.clientOf(r).Host; host != "" && !validHost(host) {
			s.answerError(w, r, faceOf(r), errBadHost)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// publicURL is how the one who asks reaches the app.
func (s *Server) publicURL(r *http.Request) string {
	if s.PublicURL != "" {
		return s.PublicURL
	}
	c := s.clientOf(r)
	scheme := "http"
	if c.Secure {
		scheme = "https"
	}
	host := c.Host
	if host == "" { // a request of HTTP/1.0: the address that it came to
		if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
			host = local.String()
		}
	}
	return scheme + "://" + host
}

// influxURL is the address at which a device writes.
func (s *Server) influxURL(r *http.Request) string {
	if s.InfluxPublicURL != "" {
		return s.InfluxPublicURL
	}
	return s.publicURL(r) + "/influx"
}

// originOf cuts an address to its scheme and host.
func originOf(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}
