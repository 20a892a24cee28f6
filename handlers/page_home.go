package handlers

import (
	"errors"
	"net/http"

	"iotcenter/devices"
	"iotcenter/views"
)

// home shows the fleet. While the database is away, it shows what was read last, with its time.
func (s *Server) home(w http.ResponseWriter, r *http.Request) error {
	fleet, err := s.Fleet.Snapshot(r.Context())
	if err != nil && !errors.Is(err, devices.ErrUnavailable) {
		return err
	}
	return s.render(w, r, http.StatusOK, views.Home(views.NewHomePage(s.shell(w, r, "Home", "home"), fleet, err)))
}
