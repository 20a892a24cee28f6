package handlers

import "net/http"

// otherOrigins lets scripts in the pages of other sites use the Helium dialect, as the service that it is modelled on
// did, and nothing else of the app. A browser adds no credential of its own to such a request, and this dialect looks at no
// cookie: whoever has no key gets nothing. Every answer says so, errors too, for a script could not read them otherwise.
//
// Before a request with a key, browsers ask whether they may send it (a preflight). They ask without the key, so that
// everybody is answered, and it tells nothing that the documentation does not: whether there is anything at the address
// is not looked at.
func (s *Server) otherOrigins(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if faceOf(r) != faceHelium {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			h.Set("Access-Control-Max-Age", "7200") // seconds; the longest that Chromium keeps
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.Set("Access-Control-Expose-Headers", "Location, Retry-After")
		next.ServeHTTP(w, r)
	})
}
