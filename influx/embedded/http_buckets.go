package embedded

import (
	"net/http"
	"net/url"
	"strconv"
	"time"
)

type retentionRule struct {
	Type                      string `json:"type"`
	EverySeconds              int64  `json:"everySeconds"`
	ShardGroupDurationSeconds int64  `json:"shardGroupDurationSeconds,omitempty"`
}

func (s *Server) bucketJSON(b bucket) map[string]any {
	self := "/api/v2/buckets/" + b.ID
	return map[string]any{
		"id": b.ID, "orgID": b.OrgID, "type": "user", "name": b.Name, "description": b.Description, "labels": []any{},
		"retentionRules": []retentionRule{{
			Type: "expire", EverySeconds: int64(b.Retention / time.Second),
			ShardGroupDurationSeconds: int64(shardGroupDuration(b.Retention) / time.Second),
		}},
		"createdAt": b.CreatedAt.Format(time.RFC3339Nano), "updatedAt": b.UpdatedAt.Format(time.RFC3339Nano),
		"links": map[string]string{
			"self": self, "org": "/api/v2/orgs/" + b.OrgID, "members": self + "/members", "owners": self + "/owners",
			"labels": self + "/labels", "write": "/api/v2/write?org=" + b.OrgID + "&bucket=" + b.ID,
		},
		// Our own addition: what it takes on disk.
		"bytes": s.usage.of(b.ID),
	}
}

// checkRetention holds InfluxDB's lower bound; 0 keeps points for ever.
func checkRetention(keep time.Duration) error {
	if keep < 0 || (keep > 0 && keep < time.Hour) {
		return errUnprocessable("expiration seconds must be greater than or equal to one hour")
	}
	return nil
}

// retentionOf reads the rules of a request: at most one, of type expire.
func retentionOf(rules []retentionRule) (time.Duration, error) {
	if len(rules) == 0 {
		return 0, nil
	}
	rule := rules[0]
	if len(rules) > 1 || (rule.Type != "expire" && rule.Type != "") {
		return 0, errInvalid("there may be one retention rule, of type expire")
	}
	if rule.EverySeconds < 0 {
		return 0, errUnprocessable("expiration seconds cannot be negative")
	}
	if rule.EverySeconds > int64(1<<63-1)/int64(time.Second) {
		return 0, errInvalid("everySeconds is out of range: %d", rule.EverySeconds)
	}
	keep := time.Duration(rule.EverySeconds) * time.Second
	return keep, checkRetention(keep)
}

func (s *Server) createBucket(w http.ResponseWriter, r *http.Request) error {
	var q struct {
		OrgID          string          `json:"orgID"`
		Name           string          `json:"name"`
		Description    string          `json:"description"`
		RetentionRules []retentionRule `json:"retentionRules"`
	}
	if err := readJSON(w, r, &q); err != nil {
		return err
	}
	if !validID(q.OrgID) {
		return errInvalid("organization id must be provided")
	}
	if err := authOf(r.Context()).require(actionWrite, typeBuckets, q.OrgID, ""); err != nil {
		return err
	}
	if err := checkBucketName(q.Name); err != nil {
		return err
	}
	keep, err := retentionOf(q.RetentionRules)
	if err != nil {
		return err
	}
	b, err := s.addBucket(bucket{OrgID: q.OrgID, Name: q.Name, Description: q.Description, Retention: keep})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, s.bucketJSON(b))
}

// addBucket makes a bucket, whose name and retention are checked, with its database.
func (s *Server) addBucket(b bucket) (bucket, error) {
	b, err := s.cat.createBucket(b)
	if err != nil {
		return bucket{}, err
	}
	return b, s.ensureDatabase(b)
}

func (s *Server) listBuckets(w http.ResponseWriter, r *http.Request) error {
	a := authOf(r.Context())
	page, err := readPaging(r, 20, 100)
	if err != nil {
		return err
	}
	id, err := queryID(r, "id")
	if err != nil {
		return err
	}
	orgID := ""
	if v := r.URL.Query(); v.Get("org") != "" || v.Get("orgID") != "" {
		o, err := s.requestOrg(r)
		if err != nil {
			return err
		}
		orgID = o.ID
	}
	name := r.URL.Query().Get("name")
	found := s.cat.findBuckets(func(b *bucket) bool {
		return (id == "" || b.ID == id) && (orgID == "" || b.OrgID == orgID) && (name == "" || b.Name == name) &&
			a.allows(actionRead, typeBuckets, b.OrgID, b.ID)
	})
	if len(found) == 0 && name != "" {
		return errNotFound("bucket %q not found", name)
	}
	items := []map[string]any{}
	for _, b := range pageOf(found, page, func(b bucket) string { return b.ID }) {
		items = append(items, s.bucketJSON(b))
	}
	return writeJSON(w, http.StatusOK, map[string]any{"links": pageLinks(r.URL, page, len(items)), "buckets": items})
}

func pageLinks(u *url.URL, p paging, got int) map[string]string {
	at := func(offset int) string {
		q := u.Query()
		q.Set("limit", strconv.Itoa(p.limit))
		q.Set("offset", strconv.Itoa(offset))
		return u.Path + "?" + q.Encode()
	}
	links := map[string]string{"self": at(p.offset)}
	if got == p.limit {
		links["next"] = at(p.offset + p.limit)
	}
	if p.offset > 0 {
		links["prev"] = at(max(0, p.offset-p.limit))
	}
	return links
}

func (s *Server) bucketOfPath(r *http.Request, action string) (bucket, error) {
	id, err := pathID(r)
	if err != nil {
		return bucket{}, err
	}
	a := authOf(r.Context())
	b, ok := s.cat.bucket(id)
	if !ok {
		// Only who may see buckets learns that this one does not exist.
		if err := a.require(actionRead, typeBuckets, a.OrgID, id); err != nil {
			return bucket{}, err
		}
		return bucket{}, errNotFound("bucket not found")
	}
	return b, a.require(action, typeBuckets, b.OrgID, b.ID)
}

func (s *Server) getBucket(w http.ResponseWriter, r *http.Request) error {
	b, err := s.bucketOfPath(r, actionRead)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.bucketJSON(b))
}

func (s *Server) updateBucket(w http.ResponseWriter, r *http.Request) error {
	b, err := s.bucketOfPath(r, actionWrite)
	if err != nil {
		return err
	}
	var q struct {
		Name           *string          `json:"name"`
		Description    *string          `json:"description"`
		RetentionRules *[]retentionRule `json:"retentionRules"`
	}
	if err := readJSON(w, r, &q); err != nil {
		return err
	}
	keep := b.Retention
	if q.RetentionRules != nil && len(*q.RetentionRules) > 0 {
		if keep, err = retentionOf(*q.RetentionRules); err != nil {
			return err
		}
	}
	b, err = s.cat.updateBucket(b.ID, func(b *bucket) {
		if q.Name != nil {
			b.Name = *q.Name
		}
		if q.Description != nil {
			b.Description = *q.Description
		}
		if q.RetentionRules != nil {
			b.Retention = keep
		}
	}, s.ensureDatabase)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.bucketJSON(b))
}

func (s *Server) deleteBucket(w http.ResponseWriter, r *http.Request) error {
	b, err := s.bucketOfPath(r, actionWrite)
	if err != nil {
		return err
	}
	if err := s.dropBucket(b.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// dropBucket deletes a bucket with its data.
func (s *Server) dropBucket(id string) error {
	if err := s.cat.deleteBucket(id); err != nil {
		return err
	}
	s.usage.forget(id)
	return s.removeDatabase(id)
}
