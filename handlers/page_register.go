package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"iotcenter/devices"
	"iotcenter/people"
	"iotcenter/views"
)

// newDevice is the form for a device.
func (s *Server) newDevice(w http.ResponseWriter, r *http.Request) error {
	return s.registerForm(w, r, http.StatusOK, "", "")
}

// deviceCalledNew is the page of a device that has the id "new", whose address is the form's: it is at ?device.
func (s *Server) deviceCalledNew(w http.ResponseWriter, r *http.Request) error {
	return s.showDevice(w, r, "new")
}

func (s *Server) registerForm(w http.ResponseWriter, r *http.Request, status int, typed, problem string) error {
	return s.render(w, r, status, views.Register(views.NewRegisterPage(s.shell(w, r, "Register a device", "devices"), typed, problem)))
}

// register makes a device known. One that is known already is no failure, but is told apart.
func (s *Server) register(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	typed := r.PostForm.Get("id")
	id, err := devices.ParseID(strings.TrimSpace(typed))
	var bad *devices.InvalidIDError
	if errors.As(err, &bad) {
		return s.registerForm(w, r, http.StatusUnprocessableEntity, typed, bad.Problem)
	}
	if err != nil {
		return err
	}
	_, created, err := s.Registry.Register(r.Context(), id)
	if created || err != nil {
		s.record(r, people.ActionRegister, string(id), err)
	}
	if err != nil {
		return about(id, err)
	}
	flash := views.Flash{Kind: views.FlashWarn, Text: fmt.Sprintf("Device %s is already registered.", id), Mark: string(id)}
	if created {
		d, token, err := s.Registry.Credentials(r.Context(), id)
		if err != nil {
			return about(id, err)
		}
		flash = s.tokenFlash(r, d, token)
		flash.Text = fmt.Sprintf("Device %s is registered. Its token is shown only now. It shows as “Never seen” until its first point arrives.", id)
		s.Fleet.Forget() // its data from an earlier registration may show again
	}
	s.flash(w, r, flash)
	return seeOther(w, "/devices")
}

// askRemove asks what is to become of the device's data.
func (s *Server) askRemove(w http.ResponseWriter, r *http.Request) error {
	id, err := deviceID(r)
	if err != nil {
		return err
	}
	if _, err := s.Registry.Get(r.Context(), id); err != nil {
		return about(id, err)
	}
	shell := s.shell(w, r, "Remove "+string(id)+"?", "devices")
	return s.render(w, r, http.StatusOK, views.Remove(views.RemovePage{Shell: shell, ID: id}))
}

// remove unregisters a device; its data stay unless the person chose otherwise.
func (s *Server) remove(w http.ResponseWriter, r *http.Request) error {
	id, err := deviceID(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	withData := false
	switch r.PostForm.Get("data") {
	case "", "keep":
	case "delete":
		withData = true
	default:
		return &problem{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: "The data are kept or deleted; there is no third way.", Field: "data"}
	}
	if err := s.removeDevice(r, id, withData); err != nil {
		return err
	}
	text := fmt.Sprintf("Device %s was unregistered. Its data stay.", id)
	if withData {
		text = fmt.Sprintf("Device %s was unregistered. Its data were deleted.", id)
		s.Fleet.Forget()
	}
	s.flash(w, r, views.Flash{Kind: views.FlashOK, Text: text, Mark: string(id)})
	return seeOther(w, "/devices")
}

// formError keeps a body that is too large what it is; any other is a form that no page of ours sent.
func formError(err error) error {
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return err
	}
	return badRequest("", "The form could not be read.")
}
