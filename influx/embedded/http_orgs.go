package embedded

import (
	"net/http"
	"strings"
	"time"
)

func orgJSON(o org) map[string]any {
	self := "/api/v2/orgs/" + o.ID
	return map[string]any{
		"id": o.ID, "name": o.Name, "description": o.Description, "status": statusActive,
		"createdAt": o.CreatedAt.Format(time.RFC3339Nano), "updatedAt": o.UpdatedAt.Format(time.RFC3339Nano),
		"links": map[string]string{"self": self, "buckets": "/api/v2/buckets?orgID=" + o.ID, "members": self + "/members", "owners": self + "/owners"},
	}
}

// requestOrg is the organisation a request names by orgID, or by org, which may
// be a name or an id.
func (s *Server) requestOrg(r *http.Request) (org, error) {
	id, err := queryID(r, "orgID")
	if err != nil {
		return org{}, err
	}
	if id != "" {
		if o, ok := s.cat.org(id); ok {
			return o, nil
		}
		return org{}, errNotFound("organization not found")
	}
	name := r.URL.Query().Get("org")
	if name == "" {
		return org{}, errInvalid("please provide either orgID or org")
	}
	if o, ok := s.cat.orgByName(name); ok {
		return o, nil
	}
	if o, ok := s.cat.org(name); ok {
		return o, nil
	}
	return org{}, errNotFound("organization name %q not found", name)
}

func (s *Server) listOrgs(w http.ResponseWriter, r *http.Request) error {
	a := authOf(r.Context())
	id, err := queryID(r, "orgID")
	if err != nil {
		return err
	}
	page, err := readPaging(r, 20, 100)
	if err != nil {
		return err
	}
	userID, err := queryID(r, "userID")
	if err != nil {
		return err
	}
	name := r.URL.Query().Get("org")
	var found []org
	for _, o := range s.cat.listOrgs() {
		if (id != "" && o.ID != id) || (name != "" && o.Name != name) || (userID != "" && !s.cat.isIn(o.ID, userID)) || !mayReadOrg(a, o.ID) {
			continue
		}
		found = append(found, o)
	}
	if len(found) == 0 && name != "" {
		return errNotFound("organization name %q not found", name)
	}
	out := []map[string]any{}
	for _, o := range pageOf(found, page, func(o org) string { return o.ID }) {
		out = append(out, orgJSON(o))
	}
	return writeJSON(w, http.StatusOK, map[string]any{"links": map[string]string{"self": "/api/v2/orgs"}, "orgs": out})
}

func mayReadOrg(a *authorization, id string) bool {
	return a.allows(actionRead, typeOrgs, "", id) || a.allows(actionRead, typeOrgs, id, id)
}

func (s *Server) orgOfPath(r *http.Request, action string) (org, error) {
	id, err := pathID(r)
	if err != nil {
		return org{}, err
	}
	a := authOf(r.Context())
	if !a.allows(action, typeOrgs, "", id) && !a.allows(action, typeOrgs, id, id) {
		return org{}, a.require(action, typeOrgs, "", id)
	}
	o, ok := s.cat.org(id)
	if !ok {
		return org{}, errNotFound("organization not found")
	}
	return o, nil
}

func (s *Server) getOrg(w http.ResponseWriter, r *http.Request) error {
	o, err := s.orgOfPath(r, actionRead)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, orgJSON(o))
}

func (s *Server) createOrg(w http.ResponseWriter, r *http.Request) error {
	if err := authOf(r.Context()).require(actionWrite, typeOrgs, "", ""); err != nil {
		return err
	}
	var q struct{ Name, Description string }
	if err := readJSON(w, r, &q); err != nil {
		return err
	}
	if strings.TrimSpace(q.Name) == "" {
		return errInvalid("organization name is required")
	}
	o, err := s.cat.createOrg(q.Name, q.Description, authOf(r.Context()).UserID)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, orgJSON(o))
}

func (s *Server) updateOrg(w http.ResponseWriter, r *http.Request) error {
	o, err := s.orgOfPath(r, actionWrite)
	if err != nil {
		return err
	}
	var q struct{ Name, Description *string }
	if err := readJSON(w, r, &q); err != nil {
		return err
	}
	if q.Name != nil && strings.TrimSpace(*q.Name) == "" {
		return errInvalid("organization name is required")
	}
	o, err = s.cat.updateOrg(o.ID, func(o *org) {
		if q.Name != nil {
			o.Name = *q.Name
		}
		if q.Description != nil {
			o.Description = *q.Description
		}
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, orgJSON(o))
}

func (s *Server) deleteOrg(w http.ResponseWriter, r *http.Request) error {
	o, err := s.orgOfPath(r, actionWrite)
	if err != nil {
		return err
	}
	dropped, err := s.cat.deleteOrg(o.ID)
	if err != nil {
		return err
	}
	for _, id := range dropped {
		s.usage.forget(id)
		if err := s.removeDatabase(id); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// pageOf cuts the page out of a list that is sorted by id.
func pageOf[T any](items []T, p paging, id func(T) string) []T {
	if p.descending {
		reversed := make([]T, 0, len(items))
		for i := len(items) - 1; i >= 0; i-- {
			reversed = append(reversed, items[i])
		}
		items = reversed
	}
	if p.after != "" {
		start := len(items)
		for i, item := range items {
			if (!p.descending && id(item) > p.after) || (p.descending && id(item) < p.after) {
				start = i
				break
			}
		}
		items = items[start:]
	}
	items = items[min(p.offset, len(items)):]
	if p.limit > 0 {
		items = items[:min(p.limit, len(items))]
	}
	return items
}
