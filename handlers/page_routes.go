package handlers

import (
	"net/http"

	"iotcenter/static"
	"iotcenter/views"
)

// pageRoutes are the pages of the fleet, its devices and the buckets, the choices of a person, and the static files.
func (s *Server) pageRoutes() {
	s.get("/", seeing, s.html(s.home))
	s.get("/devices", seeing, s.html(s.showDevices))
	s.post("/devices", managing, s.html(s.register))
	s.get("/devices/new", seeing, s.html(s.deviceCalledNew)).Queries("device", "{device:.*}")
	s.get("/devices/new", managing, s.html(s.newDevice))
	s.get("/devices/{id}", seeing, s.html(s.device))
	s.get("/devices/{id}/remove", managing, s.html(s.askRemove))
	s.post("/devices/{id}/remove", managing, s.html(s.remove))
	s.post("/devices/{id}/profile", managing, s.html(s.saveProfile))
	s.tokenRoutes()
	s.productTypeRoutes()
	s.get("/buckets", seeing, s.html(s.showBuckets))
	s.post("/buckets", managing, s.html(s.createBucket))
	s.get("/buckets/{bucket}/retention", managing, s.html(s.askRetention))
	s.post("/buckets/{bucket}/retention", managing, s.html(s.setRetention))
	s.get("/about", seeing, s.html(s.about))
	s.post("/theme", signedIn, s.html(s.chooseTheme))
	s.post("/help", signedIn, s.html(s.chooseHelp))
	s.post("/database/try", seeing, s.html(s.tryDatabase))
	s.allow(s.router.PathPrefix(static.Prefix).Handler(static.Handler()), everybody)
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
