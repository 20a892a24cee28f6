package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"iotcenter/people"
	"iotcenter/views"
)

func (s *Server) keyRoutes() {
	s.get("/keys", administring, s.html(s.showKeys))
	s.get("/keys/new", administring, s.html(s.newKey))
	s.post("/keys/new", administring, s.html(s.makeKey))
	s.get("/keys/{key}/revoke", administring, s.html(s.askRevokeKey))
	s.post("/keys/{key}/revoke", administring, s.html(s.revokeKey))
}

func (s *Server) showKeys(w http.ResponseWriter, r *http.Request) error {
	page := views.KeysPage{Shell: s.shell(w, r, "API keys", "keys"), Rows: s.People.Keys()}
	return s.render(w, r, http.StatusOK, views.Keys(page))
}

func (s *Server) newKey(w http.ResponseWriter, r *http.Request) error {
	return s.keyForm(w, r, http.StatusOK, views.NewKeyPage{Level: people.Overview, Days: views.DefaultKeyDays})
}

func (s *Server) keyForm(w http.ResponseWriter, r *http.Request, status int, page views.NewKeyPage) error {
	page.Shell = s.shell(w, r, "Make an API key", "keys")
	return s.render(w, r, status, views.NewKey(page))
}

// makeKey makes an API key, whose secret is shown once.
func (s *Server) makeKey(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	page := views.NewKeyPage{Name: cut(r.PostForm.Get("name"), 200)}
	level, ok := people.ParseLevel(r.PostForm.Get("level"))
	if page.Level = level; !ok {
		page.LevelProblem = "Choose one of the levels."
	}
	days, err := strconv.Atoi(r.PostForm.Get("days"))
	if page.Days = days; err != nil || !slices.Contains(views.KeyDays(), days) {
		page.Days, page.ExpiresProblem = views.DefaultKeyDays, "Choose one of the times of the list."
	}
	if page.LevelProblem != "" || page.ExpiresProblem != "" {
		return s.keyForm(w, r, http.StatusUnprocessableEntity, page)
	}
	var expires time.Time
	if days > 0 {
		expires = s.Clock().AddDate(0, 0, days)
	}
	key, secret, err := s.People.MakeKey(r.Context(), principalOf(r).account.Name, r.PostForm.Get("name"), level, expires)
	s.record(r, people.ActionKeyMake, strings.TrimSpace(page.Name), err, level.String())
	var invalid *people.InvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Field == "level":
		page.LevelProblem = invalid.Problem
	case errors.As(err, &invalid) && invalid.Field == "expires":
		page.ExpiresProblem = invalid.Problem
	case errors.As(err, &invalid):
		page.NameProblem = invalid.Problem
	case err != nil:
		return err
	default:
		s.flash(w, r, views.Flash{Kind: views.FlashOK, Mark: key.Name, Secret: secret,
			Text: fmt.Sprintf("The key %s is made. It is shown only now.", key.Name)})
		return seeOther(w, "/keys")
	}
	return s.keyForm(w, r, http.StatusUnprocessableEntity, page)
}

// namedKey is the key that the route names; that of the environment cannot be revoked here.
func (s *Server) namedKey(r *http.Request) (people.APIKey, error) {
	id := mux.Vars(r)["key"]
	if id == people.EnvironmentKey {
		return people.APIKey{}, errEnvironmentKey
	}
	for _, k := range s.People.Keys() {
		if k.ID == id {
			return k, nil
		}
	}
	return people.APIKey{}, errNoSuchKey
}

func (s *Server) askRevokeKey(w http.ResponseWriter, r *http.Request) error {
	key, err := s.namedKey(r)
	if err != nil {
		return err
	}
	page := views.RevokeKeyPage{Shell: s.shell(w, r, "Revoke "+key.Name+"?", "keys"), Key: key}
	return s.render(w, r, http.StatusOK, views.RevokeKey(page))
}

func (s *Server) revokeKey(w http.ResponseWriter, r *http.Request) error {
	key, err := s.namedKey(r)
	if err != nil {
		return err
	}
	err = s.People.RevokeKey(r.Context(), key.ID)
	s.record(r, people.ActionKeyRevoke, key.Name, err)
	if errors.Is(err, people.ErrNotFound) {
		return errNoSuchKey
	}
	if err != nil {
		return err
	}
	s.flash(w, r, views.Flash{Kind: views.FlashOK, Text: fmt.Sprintf("The key %s is revoked.", key.Name), Mark: key.Name})
	return seeOther(w, "/keys")
}

var (
	errNoSuchKey      = &problem{Status: http.StatusNotFound, Code: "not_found", Message: "There is no such key."}
	errEnvironmentKey = &problem{Status: http.StatusForbidden, Code: "forbidden", Message: "This key comes from API_KEY in the environment: it holds as long as that is set."}
)
