package handlers

import (
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"iotcenter/people"
	"iotcenter/views"
)

// showAPIDocs is the readable description of a group of the APIs; without a name that of the first.
func (s *Server) showAPIDocs(w http.ResponseWriter, r *http.Request) error {
	page := views.APIDocsPage{BaseURL: s.publicURL(r), Language: r.URL.Query().Get("lang")}
	name := mux.Vars(r)["group"]
	for i, g := range groups() {
		shown := views.APIGroup{Name: g.name, Title: g.title, About: g.about}
		page.Groups = append(page.Groups, shown)
		if g.name == name || name == "" && i == 0 {
			page.Current = shown
		}
	}
	if page.Current.Name == "" {
		return errNoSuchAddress
	}
	for _, e := range endpoints() {
		if e.group == page.Current.Name {
			page.Endpoints = append(page.Endpoints, s.endpointView(e))
		}
	}
	page.Shell = s.shell(w, r, "API", "api")
	return s.render(w, r, http.StatusOK, views.APIDocs(page))
}

// endpointView is an endpoint as the page shows it.
func (s *Server) endpointView(e endpoint) views.APIEndpoint {
	out := views.APIEndpoint{Method: e.method, Path: e.path, Title: e.title, About: e.about, ExampleQuery: e.example.query, ExampleBody: e.example.body}
	out.ExamplePath = pathVariable.ReplaceAllStringFunc(e.path, func(variable string) string { return inPath[strings.Trim(variable, "{}")].example })
	switch level := s.levelOf(e); {
	case level != people.NoLevel:
		out.Who, out.Credential = "API key: "+level.String(), "key"
	case e.path == "/api/env/{id}":
		out.Who, out.Credential = "the device's token", "token"
	case e.path == gatewayWritePath:
		out.Who, out.Credential = "the device's token", "token"
	default:
		out.Who = "everybody"
	}
	if e.body != nil {
		out.Kind = e.body.kind
	}
	for _, p := range e.query {
		out.Parameters = append(out.Parameters, views.APIParameter{Name: p.name, About: p.about})
	}
	for _, a := range e.answers {
		out.Answers = append(out.Answers, views.APIAnswer{Status: a.status, About: a.about})
	}
	return out
}
