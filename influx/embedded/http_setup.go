package embedded

import (
	"net/http"
	"strings"
	"time"
)

func (s *Server) setupAllowed(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, map[string]bool{"allowed": !s.cat.onboarded()})
}

type setupRequest struct {
	Username               string `json:"username"`
	Password               string `json:"password"`
	Org                    string `json:"org"`
	Bucket                 string `json:"bucket"`
	RetentionPeriodSeconds *int64 `json:"retentionPeriodSeconds"`
	RetentionPeriodHrs     *int64 `json:"retentionPeriodHrs"` // nanoseconds, in spite of its name
	Token                  string `json:"token"`
}

func (q setupRequest) check() error {
	for what, value := range map[string]string{"username": q.Username, "org": q.Org} {
		if strings.TrimSpace(value) == "" {
			return newError(http.StatusBadRequest, "empty value", "%s is required", what)
		}
	}
	if q.Password != "" {
		if err := checkPassword(q.Password); err != nil {
			return err
		}
	}
	if strings.ContainsAny(q.Token, " \t\r\n") {
		return errInvalid("the token may not contain white space")
	}
	return checkBucketName(q.Bucket)
}

// checkPassword holds InfluxDB's bounds. A password is never kept: nobody signs in here.
func checkPassword(password string) error {
	if len(password) < 8 || len(password) > 72 {
		return errInvalid("passwords must be between 8 and 72 characters long")
	}
	return nil
}

// setup makes a fresh database usable: a user, an organisation, a bucket and a
// token for everything.
func (s *Server) setup(w http.ResponseWriter, r *http.Request) error {
	var q setupRequest
	if err := readJSON(w, r, &q); err != nil {
		return err
	}
	if s.cat.onboarded() {
		return errConflict("onboarding has already been completed")
	}
	if err := q.check(); err != nil {
		return err
	}
	keep := time.Duration(0)
	switch {
	case q.RetentionPeriodSeconds != nil:
		keep = time.Duration(*q.RetentionPeriodSeconds) * time.Second
	case q.RetentionPeriodHrs != nil:
		keep = time.Duration(*q.RetentionPeriodHrs)
	}
	if err := checkRetention(keep); err != nil {
		return err
	}
	token := q.Token
	if token == "" {
		token = newToken()
	}
	hash := hashToken(token)
	now := s.clock().UTC()
	u := user{ID: s.cat.ids.next(), Name: q.Username, Status: statusActive, CreatedAt: now, UpdatedAt: now}
	o := org{ID: s.cat.ids.next(), Name: q.Org, CreatedAt: now, UpdatedAt: now}
	b := bucket{ID: s.cat.ids.next(), OrgID: o.ID, Name: q.Bucket, Retention: keep, CreatedAt: now, UpdatedAt: now}
	a := authorization{
		ID: s.cat.ids.next(), Hash: hash[:], Status: statusActive, Description: q.Username + "'s Token",
		OrgID: o.ID, UserID: u.ID, Permissions: operatorPermissions(), CreatedAt: now, UpdatedAt: now,
	}
	if err := s.cat.setup(u, o, b, a); err != nil {
		return err
	}
	if err := s.ensureDatabase(b); err != nil {
		return err
	}
	s.log.Info("embedded InfluxDB is set up", "org", o.Name, "bucket", b.Name)
	return writeJSON(w, http.StatusCreated, map[string]any{
		"user": userJSON(u), "org": orgJSON(o), "bucket": s.bucketJSON(b), "auth": s.authJSON(&a, token),
	})
}
