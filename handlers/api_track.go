package handlers

import (
	"net/http"

	"iotcenter/emulator"
)

// virtualTrack is the track that the virtual device follows, as [latitude, longitude] pairs.
func (s *Server) virtualTrack(w http.ResponseWriter, _ *http.Request) error {
	positions := emulator.TrackPositions(s.Clock())
	out := make([][2]float64, len(positions))
	for i, p := range positions {
		out[i] = [2]float64{p.Lat, p.Lon}
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}
