package handlers

import (
	"fmt"
	"net/http"

	"iotcenter/devices"
	"iotcenter/people"
	"iotcenter/views"
)

// tokenRoutes are the life of a device's token, for operators.
func (s *Server) tokenRoutes() {
	s.get("/devices/{id}/rotate", managing, s.html(s.askRotate))
	s.post("/devices/{id}/rotate", managing, s.html(s.rotate))
	s.get("/devices/{id}/suspend", managing, s.html(s.askSuspend))
	s.post("/devices/{id}/suspend", managing, s.html(s.suspend))
	s.post("/devices/{id}/resume", managing, s.html(s.resume))
}

// routeDevice is the registered device that the route names.
func (s *Server) routeDevice(r *http.Request) (devices.Device, error) {
	id, err := deviceID(r)
	if err != nil {
		return devices.Device{}, err
	}
	d, err := s.Registry.Get(r.Context(), id)
	return d, about(id, err)
}

func (s *Server) askRotate(w http.ResponseWriter, r *http.Request) error {
	d, err := s.routeDevice(r)
	if err != nil {
		return err
	}
	shell := s.shell(w, r, "Rotate the token of "+string(d.ID)+"?", "devices")
	return s.render(w, r, http.StatusOK, views.Rotate(views.RotatePage{Shell: shell, Device: d}))
}

// rotate gives the device a new token, which is shown once; the former one works until the device has the new one.
func (s *Server) rotate(w http.ResponseWriter, r *http.Request) error {
	id, err := deviceID(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	ends := r.PostForm.Get("former") == "end"
	d, token, err := s.Registry.Rotate(r.Context(), id)
	if err == nil && ends {
		d, err = s.Registry.EndFormer(r.Context(), id)
	}
	detail := ""
	if ends {
		detail = "the former token was ended at once"
	}
	s.record(r, people.ActionRotate, string(id), err, detail)
	if err != nil {
		return about(id, err)
	}
	f := s.tokenFlash(r, d, token)
	f.Text = fmt.Sprintf("Device %s has a new token, which is shown only now. The device fetches it by itself when it asks for its settings.", id)
	if ends {
		f.Text = fmt.Sprintf("Device %s has a new token, which is shown only now. The former one is refused: the device has to be given this one.", id)
	}
	s.flash(w, r, f)
	return seeOther(w, views.DevicePath(id))
}

// tokenFlash is a message that shows a token, as text and as a code with everything that the device needs.
func (s *Server) tokenFlash(r *http.Request, d devices.Device, token string) views.Flash {
	db := s.Database.Status()
	return views.Flash{Kind: views.FlashOK, Mark: string(d.ID), Secret: token, Setup: &views.DeviceSetup{
		ID: string(d.ID), URL: s.influxURL(r), Org: db.Org, Bucket: db.Bucket, Token: token}}
}

func (s *Server) askSuspend(w http.ResponseWriter, r *http.Request) error {
	d, err := s.routeDevice(r)
	if err != nil {
		return err
	}
	shell := s.shell(w, r, "Suspend "+string(d.ID)+"?", "devices")
	return s.render(w, r, http.StatusOK, views.Suspend(views.SuspendPage{Shell: shell, Device: d}))
}

// suspend switches a device's tokens off; it stays registered, and its data stay.
func (s *Server) suspend(w http.ResponseWriter, r *http.Request) error {
	id, err := deviceID(r)
	if err != nil {
		return err
	}
	_, err = s.Registry.Suspend(r.Context(), id)
	s.record(r, people.ActionSuspend, string(id), err)
	if err != nil {
		return about(id, err)
	}
	s.Fleet.Forget()
	s.flash(w, r, views.Flash{Kind: views.FlashOK, Mark: string(id), Text: fmt.Sprintf("Device %s is suspended. What it sends is refused until it is resumed.", id)})
	return seeOther(w, views.DevicePath(id))
}

func (s *Server) resume(w http.ResponseWriter, r *http.Request) error {
	id, err := deviceID(r)
	if err != nil {
		return err
	}
	_, err = s.Registry.Resume(r.Context(), id)
	s.record(r, people.ActionResume, string(id), err)
	if err != nil {
		return about(id, err)
	}
	s.Fleet.Forget()
	s.flash(w, r, views.Flash{Kind: views.FlashOK, Mark: string(id), Text: fmt.Sprintf("Device %s is resumed.", id)})
	return seeOther(w, views.DevicePath(id))
}
