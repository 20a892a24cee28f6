package handlers

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gorilla/mux"

	"iotcenter/people"
	"iotcenter/views"
)

// peopleRoutes are accounts and API keys, for admins.
func (s *Server) peopleRoutes() {
	s.get("/people", administring, s.html(s.showPeople))
	s.get("/people/new", administring, s.html(s.showPerson)).Queries("person", "{person:.*}")
	s.get("/people/new", administring, s.html(s.newPerson))
	s.post("/people/new", administring, s.html(s.addPerson))
	s.get("/people/{name}", administring, s.html(s.showPerson))
	s.post("/people/{name}/role", administring, s.html(s.setRole))
	s.post("/people/{name}/password", administring, s.html(s.setPassword))
	s.post("/people/{name}/sessions/end", administring, s.html(s.endSessions))
	s.get("/people/{name}/remove", administring, s.html(s.askRemovePerson))
	s.post("/people/{name}/remove", administring, s.html(s.removePerson))
	s.keyRoutes()
}

func (s *Server) showPeople(w http.ResponseWriter, r *http.Request) error {
	page := views.PeoplePage{Shell: s.shell(w, r, "People", "people"), Rows: s.People.Accounts()}
	return s.render(w, r, http.StatusOK, views.People(page))
}

func (s *Server) newPerson(w http.ResponseWriter, r *http.Request) error {
	return s.personForm(w, r, http.StatusOK, views.NewPersonPage{})
}

func (s *Server) personForm(w http.ResponseWriter, r *http.Request, status int, page views.NewPersonPage) error {
	page.Shell = s.shell(w, r, "Add a person", "people")
	return s.render(w, r, status, views.NewPerson(page))
}

// addPerson makes an account. A password that the app made up is shown once.
func (s *Server) addPerson(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	page := views.NewPersonPage{Username: cut(r.PostForm.Get("username"), 100), How: r.PostForm.Get("how")}
	role, ok := people.ParseRole(r.PostForm.Get("role"))
	page.Role = role
	password := r.PostForm.Get("password")
	switch page.How {
	case "", views.HowGenerate, views.HowProxy:
		password = ""
	case views.HowGiven:
		if password == "" {
			page.PasswordProblem = "A password is needed."
		}
	default:
		return &problem{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: "how is generate, given or proxy.", Field: "how"}
	}
	if !ok {
		page.RoleProblem = "Choose one of the roles."
	}
	if page.RoleProblem != "" || page.PasswordProblem != "" {
		return s.personForm(w, r, http.StatusUnprocessableEntity, page)
	}
	by := principalOf(r).account.Name
	generated, err := s.People.AddAccount(r.Context(), by, r.PostForm.Get("username"), role, password, page.How == views.HowProxy)
	s.record(r, people.ActionAccountAdd, accountName(page.Username), err, role.String())
	var invalid *people.InvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Field == "password":
		page.PasswordProblem = invalid.Problem
	case errors.As(err, &invalid):
		page.UsernameProblem = invalid.Problem
	case errors.Is(err, people.ErrExists):
		page.UsernameProblem = "There is an account of this name."
	case err != nil:
		return err
	default:
		account, err := s.People.Account(page.Username)
		if err != nil {
			return err
		}
		f := views.Flash{Kind: views.FlashOK, Mark: account.Name, Secret: generated}
		f.Text = fmt.Sprintf("%s can sign in.", account.Name)
		if generated != "" {
			f.Text = fmt.Sprintf("%s can sign in with this password, which is shown only now and has to be changed then.", account.Name)
		}
		s.flash(w, r, f)
		return seeOther(w, "/people")
	}
	return s.personForm(w, r, http.StatusUnprocessableEntity, page)
}

// namedAccount is the account that the route names.
func (s *Server) namedAccount(r *http.Request) (people.Account, error) {
	name := mux.Vars(r)["name"]
	if name == "" {
		name = "new" // whose address is the form's
	}
	account, err := s.People.Account(name)
	if errors.Is(err, people.ErrNotFound) {
		return people.Account{}, errNoSuchPerson
	}
	return account, err
}

func (s *Server) showPerson(w http.ResponseWriter, r *http.Request) error {
	account, err := s.namedAccount(r)
	if err != nil {
		return err
	}
	return s.personPage(w, r, http.StatusOK, account, "")
}

func (s *Server) personPage(w http.ResponseWriter, r *http.Request, status int, account people.Account, problem string) error {
	page := views.PersonPage{Shell: s.shell(w, r, account.Name, "people"), Account: account,
		Sessions: s.People.Sessions(account.Name), LastAdmin: s.lastAdmin(account), RoleProblem: problem}
	return s.render(w, r, status, views.PersonDetail(page))
}

// lastAdmin tells whether nobody else could manage people.
func (s *Server) lastAdmin(account people.Account) bool {
	if account.Role != people.Admin || !account.Password {
		return false // a proxy may be taken away
	}
	for _, a := range s.People.Accounts() {
		if a.Name != account.Name && a.Role == people.Admin && a.Password {
			return false
		}
	}
	return true
}

// act does something to the account that the route names, records it, and leads back to a page with a message.
func (s *Server) act(w http.ResponseWriter, r *http.Request, action string, do func(people.Account) (views.Flash, error), back func(people.Account) string) error {
	account, err := s.namedAccount(r)
	if err != nil {
		return err
	}
	f, err := do(account)
	if errors.Is(err, people.ErrNotFound) {
		err = errNoSuchPerson
	}
	detail := ""
	if err == nil {
		detail = f.Text
	}
	s.record(r, action, account.Name, err, detail)
	if errors.Is(err, people.ErrLastAdmin) {
		return s.personPage(w, r, http.StatusUnprocessableEntity, account, "This is the last admin: somebody has to manage people.")
	}
	if err != nil {
		return err
	}
	f.Kind, f.Mark = views.FlashOK, account.Name
	s.flash(w, r, f)
	return seeOther(w, back(account))
}

func toPerson(a people.Account) string { return views.PersonPath(a.Name) }

func (s *Server) setRole(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	role, ok := people.ParseRole(r.PostForm.Get("role"))
	if !ok {
		return &problem{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: "role is viewer, operator or admin.", Field: "role"}
	}
	return s.act(w, r, people.ActionAccountRole, func(a people.Account) (views.Flash, error) {
		return views.Flash{Text: fmt.Sprintf("%s is %s now.", a.Name, roleWords(role))}, s.People.SetRole(r.Context(), a.Name, role)
	}, toPerson)
}

func roleWords(r people.Role) string {
	if r == people.Viewer {
		return "a viewer"
	}
	return "an " + r.String()
}

// setPassword gives somebody a new password, which is shown once.
func (s *Server) setPassword(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, people.ActionPassword, func(a people.Account) (views.Flash, error) {
		generated, err := s.People.SetPassword(r.Context(), a.Name)
		return views.Flash{Text: fmt.Sprintf("%s has a new password, which is shown only now and has to be changed at the next sign-in.", a.Name), Secret: generated}, err
	}, toPerson)
}

// endSessions signs somebody out everywhere.
func (s *Server) endSessions(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, people.ActionSessionEnd, func(a people.Account) (views.Flash, error) {
		f := views.Flash{Text: fmt.Sprintf("%s is signed out everywhere.", a.Name)}
		for _, session := range s.People.Sessions(a.Name) {
			if err := s.People.EndSession(r.Context(), a.Name, session.Ref); err != nil && !errors.Is(err, people.ErrNotFound) {
				return f, err
			}
		}
		return f, nil
	}, toPerson)
}

func (s *Server) askRemovePerson(w http.ResponseWriter, r *http.Request) error {
	account, err := s.namedAccount(r)
	if err != nil {
		return err
	}
	page := views.RemovePersonPage{Shell: s.shell(w, r, "Remove "+account.Name+"?", "people"), Account: account}
	return s.render(w, r, http.StatusOK, views.RemovePerson(page))
}

func (s *Server) removePerson(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, people.ActionAccountRemove, func(a people.Account) (views.Flash, error) {
		return views.Flash{Text: fmt.Sprintf("%s is removed and signed out.", a.Name)}, s.People.RemoveAccount(r.Context(), a.Name)
	}, func(people.Account) string { return "/people" })
}

var errNoSuchPerson = &problem{Status: http.StatusNotFound, Code: "not_found", Message: "There is no account of this name."}
