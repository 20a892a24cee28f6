package embedded_test

import (
	"net/url"
	"strings"
	"testing"
)

// TestWindowsWithoutALowerBound: the library loses all data where windows are wide, and must still be kept from narrow ones.
func TestWindowsWithoutALowerBound(t *testing.T) {
	s := fresh(t)
	write(t, s, rootToken, "first", "m v=1 1000000000\nm v=3 1767225600000000000").want(t, 204)
	ask := func(q string) string {
		return call(t, s, rootToken, "GET", "/query?"+url.Values{"db": {"first"}, "q": {q}}.Encode(), nil).want(t, 200).body
	}
	for _, every := range []string{"1h", "2h", "3h", "5h", "6h", "1d", "1w", "30d", "52w"} {
		if got := ask("SELECT sum(v) FROM m GROUP BY time(" + every + ") fill(none)"); !strings.Contains(got, ",1]") || !strings.Contains(got, ",3]") {
			t.Errorf("windows of %s: %s", every, got)
		}
	}
	if got := ask("SELECT sum(n) FROM (SELECT count(v) AS n FROM m GROUP BY time(1m)) WHERE time < '2027-01-01T00:00:00Z' GROUP BY time(1w) fill(none)"); strings.Count(got, ",1]") != 2 {
		t.Errorf("windows of windows: %s", got)
	}
	// Narrow ones are counted, or held to the newest of the limit where nothing says from when.
	if got := ask("SELECT sum(v) FROM m WHERE time >= 0 GROUP BY time(1s)"); !strings.Contains(got, "max-select-buckets limit exceeded") {
		t.Errorf("windows of 1s: %.300s", got)
	}
	if got := ask("SELECT sum(v) FROM m WHERE time < '2027-01-01T00:00:00Z' GROUP BY time(1m) fill(none)"); strings.Contains(got, ",1]") || !strings.Contains(got, ",3]") {
		t.Errorf("windows of 1m: %s", got)
	}
}
