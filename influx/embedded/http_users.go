package embedded

import (
	"net/http"
	"strings"
)

func userJSON(u user) map[string]any {
	return map[string]any{
		"id": u.ID, "name": u.Name, "status": u.Status,
		"links": map[string]string{"self": "/api/v2/users/" + u.ID},
	}
}

func (s *Server) me(w http.ResponseWriter, r *http.Request) error {
	u, ok := s.cat.user(authOf(r.Context()).UserID)
	if !ok {
		return errNotFound("user not found")
	}
	out := userJSON(u)
	out["links"] = map[string]string{"self": "/api/v2/me"}
	return writeJSON(w, http.StatusOK, out)
}

func (s *Server) listUsers(w http.ResponseWriter, r *http.Request) error {
	a := authOf(r.Context())
	id, err := queryID(r, "id")
	if err != nil {
		return err
	}
	name := r.URL.Query().Get("name")
	users := []map[string]any{}
	for _, u := range s.cat.listUsers() {
		if (id != "" && u.ID != id) || (name != "" && u.Name != name) || !mayReadUser(a, u.ID) {
			continue
		}
		users = append(users, userJSON(u))
	}
	if len(users) == 0 && (id != "" || name != "") {
		return errNotFound("user not found")
	}
	return writeJSON(w, http.StatusOK, map[string]any{"links": map[string]string{"self": "/api/v2/users"}, "users": users})
}

// mayReadUser: a token may always see the user that it belongs to.
func mayReadUser(a *authorization, id string) bool {
	return a.UserID == id || a.allows(actionRead, typeUsers, "", id)
}

func (s *Server) getUser(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if a := authOf(r.Context()); !mayReadUser(a, id) {
		return a.require(actionRead, typeUsers, "", id)
	}
	u, ok := s.cat.user(id)
	if !ok {
		return errNotFound("user not found")
	}
	return writeJSON(w, http.StatusOK, userJSON(u))
}

type userRequest struct{ Name, Status *string }

// read takes a request for a new user or a change of one.
func (q *userRequest) read(w http.ResponseWriter, r *http.Request) error {
	if err := readJSON(w, r, q); err != nil {
		return err
	}
	if q.Name != nil && strings.TrimSpace(*q.Name) == "" {
		return errInvalid("user name is empty")
	}
	if q.Status == nil {
		return nil
	}
	return checkStatus(*q.Status)
}

func (s *Server) createUser(w http.ResponseWriter, r *http.Request) error {
	if err := authOf(r.Context()).require(actionWrite, typeUsers, "", ""); err != nil {
		return err
	}
	var q userRequest
	if err := q.read(w, r); err != nil {
		return err
	}
	if q.Name == nil {
		return newError(http.StatusBadRequest, "empty value", "name is required")
	}
	status := statusActive
	if q.Status != nil {
		status = *q.Status
	}
	u, err := s.cat.createUser(*q.Name, status)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, userJSON(u))
}

func (s *Server) updateUser(w http.ResponseWriter, r *http.Request) error {
	id, err := s.userToChange(r)
	if err != nil {
		return err
	}
	var q userRequest
	if err := q.read(w, r); err != nil {
		return err
	}
	u, err := s.cat.updateUser(id, func(u *user) {
		if q.Name != nil {
			u.Name = *q.Name
		}
		if q.Status != nil {
			u.Status = *q.Status
		}
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, userJSON(u))
}

func (s *Server) deleteUser(w http.ResponseWriter, r *http.Request) error {
	id, err := s.userToChange(r)
	if err != nil {
		return err
	}
	if err := s.cat.deleteUser(id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// setPassword checks what a client gives and keeps nothing of it.
func (s *Server) setPassword(w http.ResponseWriter, r *http.Request) error {
	id, err := s.userToChange(r)
	if err != nil {
		return err
	}
	if _, ok := s.cat.user(id); !ok {
		return errForbidden("your userID is incorrect")
	}
	var q struct{ Password string }
	if err := readJSON(w, r, &q); err != nil {
		return err
	}
	if err := checkPassword(q.Password); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// userToChange is the user in the path, if the token may change it.
func (s *Server) userToChange(r *http.Request) (string, error) {
	id, err := pathID(r)
	if err != nil {
		return "", err
	}
	return id, authOf(r.Context()).require(actionWrite, typeUsers, "", id)
}
