package embedded

import (
	"net/http"
	"time"
)

// authJSON shows an authorization. The token is known only while it is being
// made; later answers have an empty one.
func (s *Server) authJSON(a *authorization, token string) map[string]any {
	o, _ := s.cat.org(a.OrgID)
	u, _ := s.cat.user(a.UserID)
	return map[string]any{
		"id": a.ID, "token": token, "status": a.Status, "description": a.Description,
		"orgID": a.OrgID, "org": o.Name, "userID": a.UserID, "user": u.Name, "permissions": a.Permissions,
		"createdAt": a.CreatedAt.Format(time.RFC3339Nano), "updatedAt": a.UpdatedAt.Format(time.RFC3339Nano),
		"links": map[string]string{"self": "/api/v2/authorizations/" + a.ID, "user": "/api/v2/users/" + a.UserID},
	}
}

func checkStatus(status string) error {
	if status != statusActive && status != statusInactive {
		return errInvalid("status must be active or inactive, not %q", status)
	}
	return nil
}

func (s *Server) createAuthorization(w http.ResponseWriter, r *http.Request) error {
	creator := authOf(r.Context())
	q := struct {
		Status      string       `json:"status"`
		Description string       `json:"description"`
		OrgID       string       `json:"orgID"`
		UserID      string       `json:"userID"`
		Permissions []permission `json:"permissions"`
	}{}
	if err := readJSON(w, r, &q); err != nil {
		return err
	}
	if q.Status == "" {
		q.Status = statusActive
	}
	if err := checkStatus(q.Status); err != nil {
		return err
	}
	if !validID(q.OrgID) {
		return errInvalid("organization id must be provided")
	}
	if len(q.Permissions) == 0 {
		return errInvalid("authorization must include permissions")
	}
	if err := creator.require(actionWrite, typeAuthorizations, q.OrgID, ""); err != nil {
		return err
	}
	if _, ok := s.cat.org(q.OrgID); !ok {
		return errNotFound("organization not found")
	}
	switch {
	case q.UserID == "":
		q.UserID = creator.UserID
	case q.UserID != creator.UserID:
		if err := creator.require(actionWrite, typeUsers, "", q.UserID); err != nil {
			return err
		}
		if _, ok := s.cat.user(q.UserID); !ok {
			return errNotFound("user not found")
		}
	}
	for i := range q.Permissions {
		p := &q.Permissions[i]
		if err := p.validate(); err != nil {
			return err
		}
		// Nobody hands out what they do not have.
		if r := p.Resource; !creator.allows(p.Action, r.Type, r.OrgID, r.ID) {
			return errForbidden("permission %s is not allowed", p)
		}
	}
	a, token, err := s.cat.createAuth(authorization{
		Status: q.Status, Description: q.Description, OrgID: q.OrgID, UserID: q.UserID, Permissions: q.Permissions,
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, s.authJSON(&a, token))
}

func mayReadAuth(a, of *authorization) bool {
	return a.allows(actionRead, typeAuthorizations, of.OrgID, of.ID)
}

// listAuthorizations answers all that match unless a limit is given, as
// InfluxDB 2.x does.
func (s *Server) listAuthorizations(w http.ResponseWriter, r *http.Request) error {
	reader := authOf(r.Context())
	page, err := readPaging(r, 0, 0)
	if err != nil {
		return err
	}
	v := r.URL.Query()
	userID, err := queryID(r, "userID")
	if err != nil {
		return err
	}
	orgID := ""
	if v.Get("org") != "" || v.Get("orgID") != "" {
		o, err := s.requestOrg(r)
		if err != nil {
			return err
		}
		orgID = o.ID
	}
	if name := v.Get("user"); name != "" {
		u, ok := s.cat.userByName(name)
		if !ok || (userID != "" && userID != u.ID) {
			return errNotFound("user not found")
		}
		userID = u.ID
	}
	match := func(a *authorization) bool {
		return (userID == "" || a.UserID == userID) && (orgID == "" || a.OrgID == orgID) && mayReadAuth(reader, a)
	}
	found := []*authorization{}
	if token := v.Get("token"); token != "" {
		if a, err := s.cat.authByToken(token); err == nil && match(a) {
			found = append(found, a)
		}
	} else if found, err = s.cat.listAuths(page.after, page.offset, page.limit, match); err != nil {
		return err
	}
	out := make([]map[string]any, len(found))
	for i, a := range found {
		out[i] = s.authJSON(a, "")
	}
	return writeJSON(w, http.StatusOK, map[string]any{"links": map[string]string{"self": "/api/v2/authorizations"}, "authorizations": out})
}

func (s *Server) authOfPath(r *http.Request, action string) (*authorization, error) {
	id, err := pathID(r)
	if err != nil {
		return nil, err
	}
	a := authOf(r.Context())
	found, err := s.cat.auth(id)
	if err != nil {
		if denied := a.require(action, typeAuthorizations, a.OrgID, id); denied != nil {
			return nil, denied
		}
		return nil, err
	}
	return found, a.require(action, typeAuthorizations, found.OrgID, found.ID)
}

func (s *Server) getAuthorization(w http.ResponseWriter, r *http.Request) error {
	a, err := s.authOfPath(r, actionRead)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.authJSON(a, ""))
}

func (s *Server) updateAuthorization(w http.ResponseWriter, r *http.Request) error {
	a, err := s.authOfPath(r, actionWrite)
	if err != nil {
		return err
	}
	var q struct{ Status, Description *string }
	if err := readJSON(w, r, &q); err != nil {
		return err
	}
	if q.Status != nil {
		if err := checkStatus(*q.Status); err != nil {
			return err
		}
	}
	a, err = s.cat.updateAuth(a.ID, func(a *authorization) {
		if q.Status != nil {
			a.Status = *q.Status
		}
		if q.Description != nil {
			a.Description = *q.Description
		}
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.authJSON(a, ""))
}

func (s *Server) deleteAuthorization(w http.ResponseWriter, r *http.Request) error {
	a, err := s.authOfPath(r, actionWrite)
	if err != nil {
		return err
	}
	if err := s.cat.deleteAuth(a.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
