package handlers

import (
	"net/http"

	"github.com/gorilla/mux"

	"iotcenter/static"
	"iotcenter/views"
)

// pageRoutes are the pages of the fleet, its devices and the buckets, the choices of a person, and the static files.
func (s *Server) pageRoutes(m *mux.Router) {
	get(m, "/", s.html(s.home))
	get(m, "/devices", s.html(s.showDevices))
	post(m, "/devices", s.html(s.register))
	get(m, "/devices/new", s.html(s.newDevice))
	get(m, "/devices/{id}", s.html(s.device))
	get(m, "/devices/{id}/remove", s.html(s.askRemove))
	post(m, "/devices/{id}/remove", s.html(s.remove))
	get(m, "/buckets", s.html(s.showBuckets))
	post(m, "/buckets", s.html(s.createBucket))
	get(m, "/buckets/{bucket}/retention", s.html(s.askRetention))
	post(m, "/buckets/{bucket}/retention", s.html(s.setRetention))
	get(m, "/about", s.html(s.about))
	post(m, "/theme", s.html(s.chooseTheme))
	post(m, "/help", s.html(s.chooseHelp))
	post(m, "/database/try", s.html(s.tryDatabase))
	m.PathPrefix(static.Prefix).Handler(static.Handler())
}

// seeOther ends a form that succeeded. The address comes from the app, or is one of its own pages.
func seeOther(w http.ResponseWriter, path string) error {
	w.Header().Set("Location", views.LocalPath(path))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// topic sets the page's help apart from that of its place in the navigation.
func (s *Server) topic(r *http.Request, shell *views.Shell, topic string) {
	shell.Help, shell.HelpOpen = topic, s.preferences(r).helpOpen(topic)
}
