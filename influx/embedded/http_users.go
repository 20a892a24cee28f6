package embedded

import "net/http"

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
