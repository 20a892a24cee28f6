package embedded

import (
	"net/http"
)

// resourceOfPath is the id of the resource that a path names, if the request may do the action there.
type resourceOfPath func(r *http.Request, action string) (id string, err error)

func (s *Server) orgIDOfPath(r *http.Request, action string) (string, error) {
	o, err := s.orgOfPath(r, action)
	return o.ID, err
}

func (s *Server) bucketIDOfPath(r *http.Request, action string) (string, error) {
	b, err := s.bucketOfPath(r, action)
	return b.ID, err
}

// memberRoutes are the lists of a resource's members and owners. They are kept
// and grant nothing: in InfluxDB they count for people who sign in, and here
// everyone comes with a token, which has permissions of its own.
func (s *Server) memberRoutes(route func(path string, m methods), path string, resource resourceOfPath) {
	for _, role := range []string{roleMember, roleOwner} {
		list := path + "/" + role + "s"
		route(list, methods{"GET": s.listMembers(role, resource), "POST": s.addMember(role, resource)})
		route(list+"/{userID}", methods{"DELETE": s.removeMember(role, resource)})
	}
}

func memberJSON(u user, role string) map[string]any {
	out := userJSON(u)
	out["role"] = role
	return out
}

func (s *Server) listMembers(role string, resource resourceOfPath) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := resource(r, actionRead)
		if err != nil {
			return err
		}
		users := []map[string]any{}
		for _, u := range s.cat.membersOf(id, role) {
			users = append(users, memberJSON(u, role))
		}
		return writeJSON(w, http.StatusOK, map[string]any{"links": map[string]string{"self": r.URL.Path}, "users": users})
	}
}

func (s *Server) addMember(role string, resource resourceOfPath) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := resource(r, actionWrite)
		if err != nil {
			return err
		}
		var q struct{ ID string }
		if err := readJSON(w, r, &q); err != nil {
			return err
		}
		if !validID(q.ID) {
			return errInvalid("user id missing or invalid")
		}
		u, err := s.cat.addMember(membership{id, q.ID}, role)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusCreated, memberJSON(u, role))
	}
}

func (s *Server) removeMember(role string, resource resourceOfPath) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := resource(r, actionWrite)
		if err != nil {
			return err
		}
		userID := r.PathValue("userID")
		if !validID(userID) {
			return errInvalid("invalid user id: %q", userID)
		}
		if err := s.cat.removeMember(membership{id, userID}, role); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}
