package influx_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"iotcenter/influx"
	"iotcenter/influx/embedded"
	"iotcenter/influx/influxtest"
	"iotcenter/telemetry"
)

// Over a network the same must hold: with the package's own HTTP client, and large bodies compressed.
func TestOverTheNetwork(t *testing.T) {
	server, err := embedded.Open(t.Context(), embedded.Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	var packed, plain atomic.Int64
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/write") {
			if r.Header.Get("Content-Encoding") == "gzip" {
				packed.Add(1)
			} else {
				plain.Add(1)
			}
		}
		server.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(api.Close)
	i := influxtest.Connect(t, influx.Config{URL: api.URL + "/", Token: "token-of-the-app", Org: "o", Bucket: "b", AuthBucket: "a"})
	a, err := i.DB.Mint(t.Context(), "dev1")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().UTC().Truncate(time.Hour).Add(-time.Hour)
	var b strings.Builder
	for n := range 1000 {
		b.WriteString("environment,clientId=dev1 Temperature=21.5 " + strconv.FormatInt(at.Unix()+int64(n), 10) + "\n")
	}
	plain.Store(0)
	for _, body := range []string{b.String(), "environment,clientId=dev1 Temperature=25.5 " + strconv.FormatInt(at.Unix()+1000, 10)} {
		if err := i.DB.WriteLines(t.Context(), a.Token, []byte(body), "s"); err != nil {
			t.Fatal(err)
		}
	}
	if packed.Load() != 1 || plain.Load() != 1 {
		t.Errorf("%d bodies compressed, %d plain; want one of each", packed.Load(), plain.Load())
	}
	stats, err := i.DB.Stats(t.Context(), "dev1", "", at, at.Add(time.Hour))
	if err != nil || len(stats) != 1 || stats[0].Count != 1001 || stats[0].Max != 25.5 {
		t.Errorf("what arrived: %+v, %v", stats, err)
	}
}

// A redirect would carry tokens elsewhere.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var followed atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	t.Cleanup(other.Close)
	api := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	t.Cleanup(api.Close)
	db, _ := running(t, influx.Config{URL: api.URL, Token: "t", Org: "o", Bucket: "b", AuthBucket: "a"})
	becomes(t, db, "an error", func(s telemetry.DatabaseStatus) bool { return strings.Contains(s.Problem, "307") })
	if followed.Load() != 0 {
		t.Error("a redirect was followed")
	}
}
