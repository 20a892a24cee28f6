package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"iotcenter/devices"
	"iotcenter/people"
	"iotcenter/telemetry"
	"iotcenter/views"
)

// showBuckets lists the buckets and offers to make one.
func (s *Server) showBuckets(w http.ResponseWriter, r *http.Request) error {
	return s.bucketsPage(w, r, http.StatusOK, views.BucketForm{})
}

func (s *Server) bucketsPage(w http.ResponseWriter, r *http.Request, status int, form views.BucketForm) error {
	rows, err := s.Buckets.Buckets(r.Context())
	if err != nil {
		if !errors.Is(err, devices.ErrUnavailable) {
			return err
		}
		status = http.StatusServiceUnavailable
		retryLater(w)
	}
	page := views.BucketsPage{Shell: s.shell(w, r, "Buckets", "buckets"), Rows: rows, Unread: err != nil, Form: form}
	return s.render(w, r, status, views.Buckets(page))
}

// createBucket makes a bucket.
func (s *Server) createBucket(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	form := views.BucketForm{Name: r.PostForm.Get("name")}
	retention, problem := formRetention(r)
	if problem != "" {
		form.RetentionProblem = problem
		return s.bucketsPage(w, r, http.StatusUnprocessableEntity, form)
	}
	form.Retention = retention
	made, err := s.Buckets.CreateBucket(r.Context(), strings.TrimSpace(form.Name), retention)
	s.record(r, people.ActionBucketMake, form.Name, err)
	switch {
	case errors.Is(err, telemetry.ErrBucketExists), errors.Is(err, telemetry.ErrInvalidBucket):
		form.NameProblem = bucketProblem(err)
		return s.bucketsPage(w, r, http.StatusUnprocessableEntity, form)
	case err != nil:
		return err
	}
	s.flash(w, r, views.Flash{Kind: views.FlashOK, Text: fmt.Sprintf("Bucket %s is there.", made.Name), Mark: made.Name})
	return seeOther(w, "/buckets")
}

// askRetention is the form for a bucket's retention.
func (s *Server) askRetention(w http.ResponseWriter, r *http.Request) error {
	b, err := s.bucket(r)
	if err != nil {
		return err
	}
	return s.retentionPage(w, r, http.StatusOK, views.RetentionPage{Bucket: b, Retention: b.Retention})
}

func (s *Server) retentionPage(w http.ResponseWriter, r *http.Request, status int, page views.RetentionPage) error {
	page.Shell = s.shell(w, r, "Retention of "+page.Bucket.Name, "buckets")
	return s.render(w, r, status, views.Retention(page))
}

// setRetention changes how long a bucket keeps data. A change that deletes data is asked for twice.
func (s *Server) setRetention(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	b, err := s.bucket(r)
	if err != nil {
		return err
	}
	page := views.RetentionPage{Bucket: b, Retention: b.Retention}
	retention, problem := formRetention(r)
	if problem != "" {
		page.Problem = problem
		return s.retentionPage(w, r, http.StatusUnprocessableEntity, page)
	}
	page.Retention = retention
	if views.Shorter(b.Retention, retention) && r.PostForm.Get("confirm") != "yes" {
		page.Confirm = true
		return s.retentionPage(w, r, http.StatusOK, page)
	}
	changed, err := s.Buckets.SetRetention(r.Context(), b.ID, retention)
	s.record(r, people.ActionRetention, b.Name, err, "keeps data "+keeps(retention))
	switch {
	case errors.Is(err, telemetry.ErrInvalidBucket):
		page.Problem = bucketProblem(err)
		return s.retentionPage(w, r, http.StatusUnprocessableEntity, page)
	case err != nil:
		return err
	}
	text := fmt.Sprintf("Bucket %s keeps data %s.", changed.Name, keeps(changed.Retention))
	s.flash(w, r, views.Flash{Kind: views.FlashOK, Text: text, Mark: changed.Name})
	return seeOther(w, "/buckets")
}

func keeps(d time.Duration) string {
	if d == 0 {
		return "forever"
	}
	return "for " + views.RetentionWords(d)
}

// bucket is the one that the route names.
func (s *Server) bucket(r *http.Request) (telemetry.Bucket, error) {
	all, err := s.Buckets.Buckets(r.Context())
	if err != nil {
		return telemetry.Bucket{}, err
	}
	for _, b := range all {
		if b.ID == mux.Vars(r)["bucket"] && !b.System && !b.Registry {
			return b, nil
		}
	}
	return telemetry.Bucket{}, telemetry.ErrBucketNotFound
}

// formRetention reads seconds, an hour at least; 0 is forever. What is wrong is a sentence for the person.
func formRetention(r *http.Request) (retention time.Duration, problem string) {
	const least, most = time.Hour, 100 * 365 * 24 * time.Hour
	n, err := strconv.ParseInt(r.PostForm.Get("retention"), 10, 64)
	if err != nil || n != 0 && n < int64(least/time.Second) || n > int64(most/time.Second) {
		return 0, "Choose one of the times of the list."
	}
	return time.Duration(n) * time.Second, ""
}

// bucketProblem is the sentence beside the field.
func bucketProblem(err error) string {
	if errors.Is(err, telemetry.ErrBucketExists) {
		return "A bucket of this name exists already."
	}
	return "The database refuses this: " + strings.TrimPrefix(sentence(err), telemetry.ErrInvalidBucket.Error()+": ") + "."
}
