package influx_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"iotcenter/influx"
	"iotcenter/influx/embedded"
	"iotcenter/influx/influxtest"
	"iotcenter/telemetry"
)

// marked counts the questions that carry the embedded database's mark for conditions of somebody else's.
type marked struct {
	http.RoundTripper
	n atomic.Int64
}

func (m *marked) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get(embedded.ForeignHeader) != "" {
		m.n.Add(1)
	}
	return m.RoundTripper.RoundTrip(r)
}

// Conditions and statements of programs are marked, what the app asks on its own account is not.
func TestForeignConditionsAreMarked(t *testing.T) {
	m := &marked{RoundTripper: http.DefaultTransport}
	i := influxtest.Start(t, func(c *influx.Config) {
		if c.HTTPClient != nil {
			m.RoundTripper = c.HTTPClient.Transport
		}
		c.HTTPClient = &http.Client{Transport: m}
	})
	i.Write("m,clientId=d a=1 1000")
	q := ask("a")
	rows(t, i.DB, q)
	if _, err := i.DB.Measurements(t.Context(), "d"); err != nil || m.n.Load() != 0 {
		t.Errorf("%d questions of the app are marked, %v", m.n.Load(), err)
	}
	q.Where = &telemetry.Condition{Name: "a", Op: ">", With: telemetry.Operand{Kind: telemetry.NumberOperand, Text: "0"}}
	rows(t, i.DB, q)
	ofRows := m.n.Load()
	if _, _, err := i.DB.Statement(t.Context(), "SELECT a FROM m", 10, time.Minute); err != nil || ofRows == 0 || m.n.Load() != ofRows+1 {
		t.Errorf("%d of rows, then %d, %v", ofRows, m.n.Load(), err)
	}
}
