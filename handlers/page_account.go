package handlers

import (
	"errors"
	"net/http"

	"github.com/gorilla/mux"

	"iotcenter/people"
	"iotcenter/views"
)

// showAccount is a person's own account.
func (s *Server) showAccount(w http.ResponseWriter, r *http.Request) error {
	return s.accountPage(w, r, http.StatusOK, views.AccountPage{})
}

func (s *Server) accountPage(w http.ResponseWriter, r *http.Request, status int, page views.AccountPage) error {
	p := principalOf(r)
	page.Shell = s.shell(w, r, "Your account", "account")
	page.Account, page.Sessions, page.Current = p.account, s.People.Sessions(p.account.Name), p.session.Ref
	return s.render(w, r, status, views.Account(page))
}

// changePassword sets the person's own password. All of their other sessions end.
func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	p := principalOf(r)
	if !p.account.Password || p.token == "" {
		return errNoPassword
	}
	page := views.AccountPage{}
	if r.PostForm.Get("new") != r.PostForm.Get("repeat") {
		page.RepeatProblem = "The two do not agree."
		return s.accountPage(w, r, http.StatusUnprocessableEntity, page)
	}
	token, err := s.People.ChangePassword(r.Context(), p.account.Name, r.PostForm.Get("old"), r.PostForm.Get("new"), s.origin(r))
	s.record(r, people.ActionPassword, p.account.Name, err)
	var invalid *people.InvalidError
	var tooMany *people.TooManyError
	switch {
	case errors.Is(err, people.ErrRefused):
		page.OldProblem = "That is not your present password."
		return s.accountPage(w, r, http.StatusUnprocessableEntity, page)
	case errors.As(err, &tooMany):
		fail := failureOf(err, facePage, true)
		setRetryAfter(w, fail.RetryAfter)
		page.OldProblem = fail.Message
		return s.accountPage(w, r, fail.Status, page)
	case errors.As(err, &invalid):
		page.NewProblem = invalid.Problem
		return s.accountPage(w, r, http.StatusUnprocessableEntity, page)
	case err != nil:
		return err
	}
	s.beginSession(w, r, token)
	s.flash(w, r, views.Flash{Kind: views.FlashOK, Text: "Your password is changed. You were signed out everywhere else."})
	return seeOther(w, "/account")
}

// endOwnSession signs a person out of another browser, or of this one.
func (s *Server) endOwnSession(w http.ResponseWriter, r *http.Request) error {
	p := principalOf(r)
	err := s.People.EndSession(r.Context(), p.account.Name, mux.Vars(r)["ref"])
	s.record(r, people.ActionSessionEnd, p.account.Name, err)
	if err != nil && !errors.Is(err, people.ErrNotFound) { // one that is gone is what the person wants
		return err
	}
	s.flash(w, r, views.Flash{Kind: views.FlashOK, Text: "That browser is signed out."})
	return seeOther(w, "/account")
}

var errNoPassword = &problem{Status: http.StatusForbidden, Code: "forbidden", Message: "You do not sign in with a password here, so there is none to change."}
