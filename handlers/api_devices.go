package handlers

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/gorilla/mux"

	"iotcenter/devices"
	"iotcenter/people"
)

// apiRoutes are the JSON API. Other rooms of this package add theirs beside them; what is left under /api is 404.
func (s *Server) apiRoutes() {
	s.get("/api/devices", apiReading, s.json(s.listDevices))
	s.post("/api/devices/{id}", apiManaging, s.json(s.registerDevice))
	s.allow(s.router.Handle("/api/devices/{id}", s.json(s.removeDeviceAPI)).Methods(http.MethodDelete), apiManaging)
	// Not by HEAD: an answer that nobody reads would use an approval up.
	s.allow(s.router.Handle("/api/env/{id}", s.json(s.deviceEnv)).Methods(http.MethodGet), everybody)
	s.get("/api/gpxVirtual", apiReading, s.json(s.virtualTrack))
	s.post("/api/devices/{id}/backfill", apiWriting, s.json(s.backfillDevice))
}

// deviceID is the device that the route names. Its error is an *devices.InvalidIDError.
func deviceID(r *http.Request) (devices.ID, error) {
	return devices.ParseID(mux.Vars(r)["id"])
}

// deviceJSON is a device in the API: what lists and answers show; never its token.
type deviceJSON struct {
	Key       string     `json:"key"`
	DeviceID  devices.ID `json:"deviceId"`
	CreatedAt string     `json:"createdAt"`
}

func deviceOf(d devices.Device) deviceJSON {
	return deviceJSON{Key: d.Key, DeviceID: d.ID, CreatedAt: isoTime(d.CreatedAt)}
}

// listDevices streams all devices as one JSON array. An error before the first device is answered as one; a later
// one cuts the connection, so that a client does not take half a list for the whole.
func (s *Server) listDevices(w http.ResponseWriter, r *http.Request) error {
	out := bufio.NewWriterSize(w, 32<<10)
	begin := func() {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
	}
	first := true
	err := s.Registry.Each(r.Context(), func(d devices.Device) error {
		separator := ",\n"
		if first {
			begin()
			first, separator = false, "["
		}
		item, err := json.Marshal(deviceOf(d))
		if err != nil {
			return err
		}
		if _, err := io.WriteString(out, separator); err != nil {
			return err
		}
		_, err = out.Write(item)
		return err
	})
	if err != nil {
		return err
	}
	closing := "]\n"
	if first {
		begin()
		closing = "[]\n"
	}
	_, _ = io.WriteString(out, closing) // bufio keeps the error for Flush
	return out.Flush()
}

// registerDevice makes a device known: 201 when it is new, 200 when it was there.
func (s *Server) registerDevice(w http.ResponseWriter, r *http.Request) error {
	id, err := deviceID(r)
	if err != nil {
		return err
	}
	d, created, err := s.Registry.Register(r.Context(), id)
	if created || err != nil {
		s.record(r, people.ActionRegister, string(id), err)
	}
	if err != nil {
		return about(id, err)
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
		w.Header().Set("Location", "/devices/"+string(id))
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, status, deviceOf(d))
	return nil
}

// removeDeviceAPI unregisters a device; ?data=delete removes what it wrote as well.
func (s *Server) removeDeviceAPI(w http.ResponseWriter, r *http.Request) error {
	id, err := deviceID(r)
	if err != nil {
		return err
	}
	var withData bool
	switch r.URL.Query().Get("data") {
	case "", "keep":
	case "delete":
		withData = true
	default:
		return badRequest("data", "data is keep or delete.")
	}
	if err := s.removeDevice(r, id, withData); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// removeDevice unregisters a device, and deletes its data when asked to.
func (s *Server) removeDevice(r *http.Request, id devices.ID, withData bool) error {
	err := s.unregister(r.Context(), id, withData)
	detail := "its data stay"
	if withData {
		detail = "with its data"
	}
	s.record(r, people.ActionRemove, string(id), err, detail)
	return err
}

// unregister deletes the data and forgets what people said about the device first, so that after a failure the device is
// still there and a second try completes the work; and deletes data once more at the end, for what came in between.
func (s *Server) unregister(ctx context.Context, id devices.ID, withData bool) error {
	if _, err := s.Registry.Get(ctx, id); err != nil {
		return about(id, err)
	}
	if err := s.Profiles.Forget(ctx, id); err != nil {
		return about(id, err)
	}
	if !withData {
		return about(id, s.Registry.Unregister(ctx, id))
	}
	if err := s.Activity.DeleteData(ctx, id); err != nil {
		return about(id, err)
	}
	if err := s.Registry.Unregister(ctx, id); err != nil {
		return about(id, err)
	}
	if err := s.Activity.DeleteData(ctx, id); err != nil {
		// The device is gone, and all of its data but what came in that moment: there is nothing left to try again.
		s.Log.Warn("points that came while a device was removed may be left", "device", id, "error", err)
	}
	return nil
}

// backfillDevice writes the missing data of a device and answers when they are written.
func (s *Server) backfillDevice(w http.ResponseWriter, r *http.Request) error {
	id, err := deviceID(r)
	if err != nil {
		return err
	}
	written, err := s.Backfills.Run(r.Context(), id, principalOf(r).name())
	s.record(r, people.ActionBackfill, string(id), err)
	if err != nil {
		return about(id, err)
	}
	writeJSON(w, http.StatusOK, struct {
		Written int `json:"written"`
	}{written})
	return nil
}
