package handlers

import (
	"net/http"
	"runtime"

	"iotcenter/views"
)

// about is versions and licences.
func (s *Server) about(w http.ResponseWriter, r *http.Request) error {
	page := views.AboutPage{Shell: s.shell(w, r, "About", "about"), GoVersion: runtime.Version(), Parts: views.Parts()}
	return s.render(w, r, http.StatusOK, views.About(page))
}

// chooseTheme keeps light, dark, or neither, which follows the system.
func (s *Server) chooseTheme(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	chosen := s.preferences(r)
	chosen.setTheme(r.PostForm.Get("theme"))
	s.savePreferences(w, r, chosen)
	return seeOther(w, r.PostForm.Get("back"))
}

// chooseHelp keeps whether the help of a topic is open.
func (s *Server) chooseHelp(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	chosen := s.preferences(r)
	chosen.setHelp(r.PostForm.Get("topic"), r.PostForm.Get("open") == "true")
	s.savePreferences(w, r, chosen)
	return seeOther(w, r.PostForm.Get("back"))
}

// tryDatabase makes the app look for its database at once.
func (s *Server) tryDatabase(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	s.Database.TryNow()
	return seeOther(w, r.PostForm.Get("back"))
}
