package embedded

import "net/http"

// requestBucket is the bucket that a parameter names by id or name.
func (s *Server) requestBucket(o org, nameOrID string) (bucket, error) {
	if nameOrID == "" {
		return bucket{}, errInvalid("please provide a bucket")
	}
	if validID(nameOrID) {
		if b, ok := s.cat.bucket(nameOrID); ok && b.OrgID == o.ID {
			return b, nil
		}
	}
	if b, ok := s.cat.bucketByName(o.ID, nameOrID); ok {
		return b, nil
	}
	return bucket{}, errNotFound("bucket %q not found", nameOrID)
}

func (s *Server) write(w http.ResponseWriter, r *http.Request) error {
	o, err := s.requestOrg(r)
	if err != nil {
		return err
	}
	b, err := s.requestBucket(o, r.URL.Query().Get("bucket"))
	if err != nil {
		return err
	}
	if !authOf(r.Context()).allows(actionWrite, typeBuckets, o.ID, b.ID) {
		return errForbidden("insufficient permissions for write")
	}
	precision, err := enginePrecision(r.URL.Query().Get("precision"))
	if err != nil {
		return err
	}
	return s.writeBody(w, r, b, precision)
}

// writeBody stores the line protocol of a request in a bucket that its token
// may write to.
func (s *Server) writeBody(w http.ResponseWriter, r *http.Request, b bucket, precision string) error {
	if !s.space.room() {
		return errStorageFull
	}
	body, err := readCounted(w, r, maxWriteBody, &s.bodies)
	if err != nil {
		return err
	}
	defer s.bodies.giveBack(len(body))
	points, err := parsePoints(body, s.clock(), precision)
	if err != nil {
		return err
	}
	if err := s.writePoints(r.Context(), b.ID, points); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
