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

// profileForm shows what people say about a device.
func (s *Server) profileForm(id devices.ID) (views.ProfileForm, error) {
	profile, err := s.Profiles.Profile(id)
	if err != nil {
		return views.ProfileForm{}, err
	}
	types, err := s.Profiles.Types()
	if err != nil {
		return views.ProfileForm{}, err
	}
	labels, err := s.Profiles.Labels()
	return views.NewProfileForm(profile, types, labels), err
}

// saveProfile changes what people say about a device.
func (s *Server) saveProfile(w http.ResponseWriter, r *http.Request) error {
	d, err := s.routeDevice(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	name, productType := strings.TrimSpace(r.PostForm.Get("name")), r.PostForm.Get("product_type")
	attributes := strings.TrimSpace(r.PostForm.Get("attributes_json"))
	_, err = s.Profiles.Change(r.Context(), d.ID, func(p *devices.Profile) error {
		p.Name, p.ProductType, p.Attributes = name, productType, nil
		if attributes != "" {
			p.Attributes = []byte(attributes)
		}
		return nil
	})
	s.record(r, people.ActionProduct, string(d.ID), err)
	form, formErr := s.profileForm(d.ID)
	var invalid *devices.InvalidProfileError
	switch {
	case err == nil:
		s.flash(w, r, views.Flash{Kind: views.FlashOK, Mark: string(d.ID), Text: fmt.Sprintf("What is known about %s is saved.", d.ID)})
		return seeOther(w, views.DevicePath(d.ID))
	case errors.Is(err, devices.ErrNoSuchType):
		form.TypeProblem = "There is no such product type any more. Choose another one."
	case !errors.As(err, &invalid):
		return about(d.ID, err)
	case invalid.Field == "name":
		form.NameProblem = invalid.Problem
	case invalid.Field == "product_type":
		form.TypeProblem = invalid.Problem
	default:
		form.AttributesProblem = invalid.Problem
	}
	if formErr != nil {
		return about(d.ID, formErr)
	}
	form.Name, form.ProductType, form.Attributes = r.PostForm.Get("name"), productType, r.PostForm.Get("attributes_json")
	return s.devicePage(w, r, http.StatusUnprocessableEntity, d, form)
}
