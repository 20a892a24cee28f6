package handlers

import (
	"net/http"
	"time"

	"iotcenter/devices"
	"iotcenter/emulator"
	"iotcenter/views"
)

// progressJSON is an event of a run that goes on, in words for the page.
type progressJSON struct {
	Written int    `json:"written"`
	Total   int    `json:"total"`
	Count   string `json:"count"`
	Of      string `json:"of"`
	Left    string `json:"left"`
}

// endJSON is the last event of a stream. Run names the run whose closing message the page shows; it may be "".
type endJSON struct {
	Run string `json:"run"`
}

// virtualEvents sends the progress of the running backfill until it ends. The stream ends with it, and with the app.
func (s *Server) virtualEvents(w http.ResponseWriter, r *http.Request) error {
	stream, err := s.stream(w, r)
	if err != nil {
		return nil //nolint:nilerr // the browser left before the first byte
	}
	pause := time.NewTicker(streamPause)
	defer pause.Stop()
	changes := s.Backfills.Watch(stream.Context(), devices.VirtualDevice)
	var last emulator.Progress
	for err == nil {
		select {
		case p, ok := <-changes:
			if !ok { // ended, or there was none
				if stream.Context().Err() == nil {
					_ = stream.Send("end", endOf(last))
				}
				return nil
			}
			if !s.still(r) { // signed out meanwhile: the page, asked for again, leads to the sign-in page
				return nil
			}
			if last = p; p.State == emulator.Running {
				view := progressView(p)
				err = stream.Send("progress", progressJSON{p.Written, p.Total, view.Count(), view.Of(), view.Left(s.Clock())})
			}
		case <-pause.C:
			if !s.still(r) {
				return nil
			}
			err = stream.Ping()
		case <-stream.Done():
			return nil
		}
	}
	return nil // the browser left
}

func endOf(p emulator.Progress) endJSON {
	if p.Started.IsZero() {
		return endJSON{}
	}
	return endJSON{views.VirtualProgress{Started: p.Started}.Run()}
}
