package handlers

import (
	"slices"
	"strings"

	"github.com/gorilla/mux"
)

// Route is one line of the table of routes: for tests that have to know them all.
type Route struct {
	Methods []string // sorted; none where every method is taken
	Path    string   // template, with a query behind it where the route asks for one
}

// Routes lists all routes.
func (s *Server) Routes() []Route {
	var out []Route
	_ = s.router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error { // the function never errs
		path, err := route.GetPathTemplate()
		if err != nil {
			return nil //nolint:nilerr // no route of ours is without a path
		}
		if queries, err := route.GetQueriesTemplates(); err == nil && len(queries) > 0 {
			path += "?" + strings.Join(queries, "&")
		}
		methods, _ := route.GetMethods() // it errs where there are none
		methods = slices.Clone(methods)
		slices.Sort(methods)
		out = append(out, Route{methods, path})
		return nil
	})
	return out
}
