//go:build e2e

package e2e

import (
	"net/http"
	"testing"
	"time"
)

// seriesAnswer is what GET /api/devices/{id}/series says.
type seriesAnswer struct {
	Series []struct {
		Field string      `json:"field"`
		Times []time.Time `json:"times"`
		Mean  []float64   `json:"mean"`
		Min   []float64   `json:"min"`
		Max   []float64   `json:"max"`
	} `json:"series"`
}

// series asks the API for what the database holds.
func (a *app) series(t *testing.T, id, query string) seriesAnswer {
	t.Helper()
	var s seriesAnswer
	decode(t, a.call(t, http.MethodGet, "/api/devices/"+id+"/series?"+query, "", nil, http.StatusOK), &s)
	return s
}

// values are the means of a field.
func (s seriesAnswer) values(field string) []float64 {
	for _, one := range s.Series {
		if one.Field == field {
			return one.Mean
		}
	}
	return nil
}

// last is the newest mean of a field.
func (s seriesAnswer) last(field string) (float64, bool) {
	v := s.values(field)
	if len(v) == 0 {
		return 0, false
	}
	return v[len(v)-1], true
}
