package handlers

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/a-h/templ"

	"iotcenter/devices"
	"iotcenter/views"
)

// shell is what surrounds a page: what the person chose, what waits to be told, how the database is. Call it once a
// page, and before the answer begins: messages are shown once.
func (s *Server) shell(w http.ResponseWriter, r *http.Request, title, nav string) views.Shell {
	chosen := s.preferences(r)
	count := -1
	if s.Database.Status().Ready && principalOf(r).kind == byPerson {
		if n, err := s.Registry.Count(r.Context()); err == nil {
			count = n
		}
	}
	shell := views.Shell{
		Title: title, Nav: nav, HelpOpen: chosen.helpOpen(nav), Theme: chosen.Theme, Path: r.URL.RequestURI(), Now: s.Clock(),
		Devices: count, Flashes: s.takeFlashes(w, r), Database: s.Database.Status(), Version: s.Version, Person: principalOf(r).person(),
	}
	if shell.SignedIn() {
		shell.WindowUntil = s.Enrolment.Window().Until
	}
	if shell.CanManage() {
		shell.Waiting = s.Enrolment.WaitingCount()
	}
	return shell
}

// errorPage answers a failure with a page. It must not fail itself.
func (s *Server) errorPage(w http.ResponseWriter, r *http.Request, f failure) {
	shell := s.shell(w, r, f.titleOf(), "")
	problem := views.Problem{Status: f.Status, Title: f.titleOf(), Message: f.Message, RequestID: stateOf(r).ID,
		Retry: f.RetryAfter > 0 && !isUnsafe(r.Method)}
	if f.Status == http.StatusNotFound {
		problem.Path = cut(r.URL.Path, 2*devices.MaxIDLength)
	}
	if err := s.render(w, r, f.Status, views.ErrorPage(shell, problem)); err != nil {
		s.Log.Error("the error page failed", "request_id", stateOf(r).ID, "error", err)
		http.Error(w, f.Message, f.Status)
	}
}

// render draws a page or a part of one. It draws into a buffer first, so that a page that fails half-way is an
// error page and no torn one.
func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, c templ.Component) error {
	buffer := takeBuffer()
	defer giveBuffer(buffer)
	// Drawing waits for nothing, so it is done even for a browser that has just gone: that is no failure of the page.
	if err := c.Render(context.WithoutCancel(r.Context()), buffer); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store") // pages show live data, and sometimes a flash message
	}
	page := buffer.Bytes()
	if !utf8.Valid(page) { // it repeats what somebody typed, whatever that was
		page = bytes.ToValidUTF8(page, []byte("\uFFFD"))
	}
	w.WriteHeader(status)
	_, _ = w.Write(page) // a browser that is gone needs no page
	return nil
}

// retryLater tells a program when to ask again for a page that the database was missing for.
func retryLater(w http.ResponseWriter) { setRetryAfter(w, defaultRetry) }

// setRetryAfter tells when to ask again, in whole seconds; 0 tells nothing.
func setRetryAfter(w http.ResponseWriter, d time.Duration) {
	if d > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(d.Seconds()))))
	}
}
