package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"iotcenter/devices"
	"iotcenter/people"
	"iotcenter/views"
)

// enrolmentRoutes are the doors by which devices become known.
func (s *Server) enrolmentRoutes() {
	s.get("/enrolment", managing, s.html(s.showEnrolment))
	s.post("/enrolment/open", managing, s.html(s.openEnrolment))
	s.post("/enrolment/close", managing, s.html(s.closeEnrolment))
	s.post("/enrolment/inbox/approve", managing, s.html(s.approve))
	s.post("/enrolment/inbox/dismiss", managing, s.html(s.dismiss))
	s.get("/enrolment/keys/new", managing, s.html(s.newEnrolmentKey))
	s.post("/enrolment/keys/new", managing, s.html(s.makeEnrolmentKey))
	s.get("/enrolment/keys/{key}/revoke", managing, s.html(s.askRevokeEnrolmentKey))
	s.post("/enrolment/keys/{key}/revoke", managing, s.html(s.revokeEnrolmentKey))
}

func (s *Server) showEnrolment(w http.ResponseWriter, r *http.Request) error {
	page, status := views.EnrolmentPage{Window: s.Enrolment.Window(), AppURL: s.publicURL(r)}, http.StatusOK
	var err error
	if page.Inbox, err = s.Enrolment.Waiting(r.Context()); err == nil {
		page.Keys, err = s.Enrolment.Keys(r.Context())
	}
	if err != nil {
		if !errors.Is(err, devices.ErrUnavailable) {
			return err
		}
		page.Unread, status = true, http.StatusServiceUnavailable
		retryLater(w)
	}
	page.Shell = s.shell(w, r, "Enrolment", "enrolment")
	return s.render(w, r, status, views.Enrolment(page))
}

// openEnrolment lets unknown devices in for some minutes.
func (s *Server) openEnrolment(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	minutes, err := strconv.Atoi(r.PostForm.Get("minutes"))
	if err != nil || minutes < 1 || minutes > int(devices.LongestWindow/time.Minute) {
		return &problem{Status: http.StatusUnprocessableEntity, Code: "invalid", Field: "minutes",
			Message: fmt.Sprintf("Enrolment is opened for 1 to %d minutes.", int(devices.LongestWindow/time.Minute))}
	}
	err = s.Enrolment.Open(r.Context(), principalOf(r).name(), time.Duration(minutes)*time.Minute)
	s.record(r, people.ActionWindowOpen, "", err, fmt.Sprintf("%d minutes", minutes))
	if err != nil {
		return err
	}
	return seeOther(w, backTo(r, "/enrolment"))
}

func (s *Server) closeEnrolment(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	err := s.Enrolment.Shut(r.Context())
	s.record(r, people.ActionWindowClose, "", err)
	if err != nil {
		return err
	}
	return seeOther(w, backTo(r, "/enrolment"))
}

// backTo is the page that a form was on.
func backTo(r *http.Request, otherwise string) string {
	if back := r.PostForm.Get("back"); back != "" {
		return back
	}
	return otherwise
}

// approve lets a device that waits have its configuration when it asks the next time.
func (s *Server) approve(w http.ResponseWriter, r *http.Request) error {
	return s.decide(w, r, people.ActionApprove, func(id devices.ID, address string) (string, error) {
		text := fmt.Sprintf("Device %s is approved: it gets its configuration when it asks from %s within %d minutes.", id, address, int(devices.ApprovalLife/time.Minute))
		return text, s.Enrolment.Approve(r.Context(), principalOf(r).name(), id, address)
	})
}

func (s *Server) dismiss(w http.ResponseWriter, r *http.Request) error {
	return s.decide(w, r, people.ActionDismiss, func(id devices.ID, address string) (string, error) {
		return fmt.Sprintf("Device %s is dismissed.", id), s.Enrolment.Dismiss(r.Context(), id, address)
	})
}

func (s *Server) decide(w http.ResponseWriter, r *http.Request, action string, do func(devices.ID, string) (string, error)) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	id, err := devices.ParseID(r.PostForm.Get("id"))
	if err != nil {
		return err
	}
	address := r.PostForm.Get("address")
	text, err := do(id, address)
	s.record(r, action, string(id), err, cut(address, 64))
	f := views.Flash{Kind: views.FlashOK, Text: text, Mark: string(id)}
	if errors.Is(err, devices.ErrNotFound) { // it ran out, or somebody else was quicker
		f.Kind, f.Text = views.FlashWarn, fmt.Sprintf("Device %s no longer waits.", id)
	} else if err != nil {
		return about(id, err)
	}
	s.flash(w, r, f)
	return seeOther(w, "/enrolment")
}

func (s *Server) newEnrolmentKey(w http.ResponseWriter, r *http.Request) error {
	return s.enrolmentKeyForm(w, r, http.StatusOK, views.NewEnrolmentKeyPage{Most: "10", Days: "30"})
}

func (s *Server) enrolmentKeyForm(w http.ResponseWriter, r *http.Request, status int, page views.NewEnrolmentKeyPage) error {
	page.Shell = s.shell(w, r, "Make an enrolment key", "enrolment")
	return s.render(w, r, status, views.NewEnrolmentKey(page))
}

// makeEnrolmentKey makes a key with which devices register themselves. It is shown once.
func (s *Server) makeEnrolmentKey(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	typed := func(name string) string { return cut(strings.TrimSpace(r.PostForm.Get(name)), 200) }
	page := views.NewEnrolmentKeyPage{Name: typed("name"), Pattern: typed("pattern"), Most: typed("most"), Days: typed("days")}
	most, err := strconv.Atoi(page.Most)
	if err != nil {
		page.MostProblem = "How many devices may it enrol? A number is needed."
	}
	days, err := strconv.Atoi(page.Days)
	if err != nil || days < 1 || days > 366 {
		page.ExpiresProblem = "For how many days? A number from 1 to 366 is needed."
	}
	if page.MostProblem != "" || page.ExpiresProblem != "" {
		return s.enrolmentKeyForm(w, r, http.StatusUnprocessableEntity, page)
	}
	key, secret, err := s.Enrolment.MakeKey(r.Context(), devices.EnrolmentKey{Name: page.Name, Pattern: page.Pattern, Most: most,
		CreatedBy: principalOf(r).name(), ExpiresAt: s.Clock().AddDate(0, 0, days)})
	s.record(r, people.ActionEnrolKeyMake, page.Name, err, page.Pattern)
	var invalid *devices.InvalidKeyError
	if errors.As(err, &invalid) {
		switch invalid.Field {
		case "pattern":
			page.PatternProblem = invalid.Problem
		case "most":
			page.MostProblem = invalid.Problem
		case "expires":
			page.ExpiresProblem = invalid.Problem
		default:
			page.NameProblem = invalid.Problem
		}
		return s.enrolmentKeyForm(w, r, http.StatusUnprocessableEntity, page)
	}
	if err != nil {
		return err
	}
	s.flash(w, r, views.Flash{Kind: views.FlashOK, Mark: key.Name, Secret: secret, Ask: s.publicURL(r) + "/api/env/DEVICE_ID?key=" + secret,
		Text: fmt.Sprintf("The enrolment key %s is made. It is shown only now.", key.Name)})
	return seeOther(w, "/enrolment")
}

func (s *Server) namedEnrolmentKey(r *http.Request) (devices.EnrolmentKey, error) {
	keys, err := s.Enrolment.Keys(r.Context())
	if err != nil {
		return devices.EnrolmentKey{}, err
	}
	for _, k := range keys {
		if k.ID == mux.Vars(r)["key"] {
			return k, nil
		}
	}
	return devices.EnrolmentKey{}, errNoSuchKey
}

func (s *Server) askRevokeEnrolmentKey(w http.ResponseWriter, r *http.Request) error {
	key, err := s.namedEnrolmentKey(r)
	if err != nil {
		return err
	}
	page := views.RevokeEnrolmentKeyPage{Shell: s.shell(w, r, "Revoke "+key.Name+"?", "enrolment"), Key: key}
	return s.render(w, r, http.StatusOK, views.RevokeEnrolmentKey(page))
}

func (s *Server) revokeEnrolmentKey(w http.ResponseWriter, r *http.Request) error {
	key, err := s.namedEnrolmentKey(r)
	if err != nil {
		return err
	}
	err = s.Enrolment.RevokeKey(r.Context(), key.ID)
	s.record(r, people.ActionEnrolKeyEnd, key.Name, err)
	if errors.Is(err, devices.ErrNotFound) {
		return errNoSuchKey
	}
	if err != nil {
		return err
	}
	s.flash(w, r, views.Flash{Kind: views.FlashOK, Text: fmt.Sprintf("The enrolment key %s is revoked.", key.Name), Mark: key.Name})
	return seeOther(w, "/enrolment")
}
