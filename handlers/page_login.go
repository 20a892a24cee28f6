package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"iotcenter/people"
	"iotcenter/views"
)

// authRoutes are the ways in and out, and a person's own account.
func (s *Server) authRoutes() {
	s.get("/login", signingIn, s.html(s.showLogin))
	s.post("/login", signingIn, s.html(s.login))
	s.post("/logout", signedIn, s.html(s.logout))
	s.get("/account", signedIn, s.html(s.showAccount))
	s.post("/account/password", signedIn, s.html(s.changePassword))
	s.post("/account/sessions/{ref}/end", signedIn, s.html(s.endOwnSession))
}

// loginPath is the sign-in page that leads back to what was asked for, where that can be asked for again.
func loginPath(r *http.Request) string {
	back := r.URL.RequestURI()
	if isUnsafe(r.Method) || back == "/" || len(back) > 1000 {
		return "/login"
	}
	return "/login?next=" + url.QueryEscape(back)
}

// showLogin is the form. With the code of the one-time link that the program prints at its first start it signs in at
// once.
func (s *Server) showLogin(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	next := views.LocalPath(q.Get("next"))
	if principalOf(r).kind == byPerson {
		return seeOther(w, next)
	}
	if code := q.Get("once"); code != "" && r.Method == http.MethodGet && r.Header.Get("Sec-Purpose") == "" {
		return s.loginOnce(w, r, code)
	}
	return s.loginPage(w, r, http.StatusOK, views.LoginPage{Next: next})
}

func (s *Server) loginPage(w http.ResponseWriter, r *http.Request, status int, page views.LoginPage) error {
	page.Shell = s.shell(w, r, "Sign in", "")
	page.Path = "/login"
	return s.render(w, r, status, views.Login(page))
}

// login checks name and password.
func (s *Server) login(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	name, next := r.PostForm.Get("username"), views.LocalPath(r.PostForm.Get("next"))
	from := s.origin(r)
	from.Browser = s.knownBrowser(r, accountName(name))
	token, account, err := s.People.SignIn(r.Context(), name, r.PostForm.Get("password"), from)
	return s.finishLogin(w, r, token, account, err, views.LoginPage{Username: cut(name, 100), Next: next})
}

func (s *Server) loginOnce(w http.ResponseWriter, r *http.Request, code string) error {
	token, account, err := s.People.SignInOnce(r.Context(), code, s.origin(r))
	if errors.Is(err, people.ErrRefused) {
		s.record(r, people.ActionSignIn, "", err, "one-time link")
		return s.loginPage(w, r, http.StatusForbidden, views.LoginPage{Next: "/", Notice: "This link has been used, or has run out. Sign in with your password."})
	}
	if err == nil {
		return s.enter(w, r, token, account, "one-time link", "/")
	}
	return s.finishLogin(w, r, token, account, err, views.LoginPage{Next: "/"})
}

// finishLogin gives the session to the browser, or shows the form again with what is wrong.
func (s *Server) finishLogin(w http.ResponseWriter, r *http.Request, token string, account people.Account, err error, page views.LoginPage) error {
	var tooMany *people.TooManyError
	switch {
	case err == nil:
		return s.enter(w, r, token, account, "", page.Next)
	case errors.Is(err, people.ErrRefused):
		s.recordAttempt(r, people.ActionSignIn, page.Username, err)
		page.Problem = "User name or password is wrong."
		return s.loginPage(w, r, http.StatusUnauthorized, page)
	case errors.As(err, &tooMany):
		s.recordAttempt(r, people.ActionLockout, page.Username, err)
		fail := failureOf(err, facePage, true)
		setRetryAfter(w, fail.RetryAfter)
		page.Problem = fail.Message
		return s.loginPage(w, r, fail.Status, page)
	default:
		s.recordAttempt(r, people.ActionSignIn, page.Username, err)
		return err
	}
}

// enter gives a new session to the browser; the one that it had before ends.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, token string, account people.Account, how, next string) error {
	if former := principalOf(r).token; former != "" {
		if err := s.People.SignOut(r.Context(), former); err != nil {
			s.Log.Warn("a browser's former session goes on until its end", "request_id", stateOf(r).ID, "error", err)
		}
	}
	s.beginSession(w, r, token)
	s.rememberBrowser(w, r, account.Name)
	e := s.event(r, people.ActionSignIn, account.Name, nil)
	e.ActorKind, e.Actor, e.Detail = "person", account.Name, how
	s.Audit.Note(e)
	return seeOther(w, next)
}

// recordAttempt notes an attempt to sign in that did not succeed, under the account's name. What was typed and is no
// account's name is not kept: it may be a password in the wrong field.
func (s *Server) recordAttempt(r *http.Request, action, typed string, err error) {
	account, unknown := s.People.Account(typed)
	detail := ""
	if typed != "" && errors.Is(unknown, people.ErrNotFound) {
		detail = "no account of this name"
	}
	s.record(r, action, account.Name, err, detail)
}

// accountName is what somebody typed as accounts are called, so that the audit log has all of one under one name.
func accountName(typed string) string { return strings.ToLower(strings.TrimSpace(typed)) }

// logout ends the session, here and on every replica.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	if p := principalOf(r); p.token != "" {
		err := s.People.SignOut(r.Context(), p.token)
		s.record(r, people.ActionSignOut, p.account.Name, err)
		if err != nil {
			return err // the cookie stays, so that the person sees that they are signed in
		}
	}
	s.dropSession(w, r)
	s.flash(w, r, views.Flash{Kind: views.FlashOK, Text: "You are signed out."})
	return seeOther(w, "/login")
}

// origin is where an attempt to sign in comes from.
func (s *Server) origin(r *http.Request) people.Origin {
	return people.Origin{Address: s.clientAddress(r), Agent: cut(r.UserAgent(), 200)}
}
