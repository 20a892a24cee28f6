package embedded_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
	"github.com/influxdata/influxdb-client-go/v2/domain"
)

func TestHealthPingReady(t *testing.T) {
	s := open(t, t.TempDir())
	c := client(s, "")
	defer c.Close()
	h, err := c.Health(t.Context())
	if err != nil || h.Status != domain.HealthCheckStatusPass {
		t.Errorf("health: %+v, %v", h, err)
	}
	if ok, err := c.Ping(t.Context()); !ok || err != nil {
		t.Errorf("ping: %v, %v", ok, err)
	}
	if r, err := c.Ready(t.Context()); err != nil || r.Status == nil || *r.Status != domain.ReadyStatusReady {
		t.Errorf("ready: %+v, %v", r, err)
	}
	for _, method := range []string{"GET", "HEAD"} {
		r := call(t, s, "", method, "/ping", nil).want(t, http.StatusNoContent)
		if r.header.Get("X-Influxdb-Version") == "" || r.header.Get("X-Influxdb-Build") == "" {
			t.Errorf("%s /ping has no version headers: %v", method, r.header)
		}
	}
}

func TestSetup(t *testing.T) {
	s := open(t, t.TempDir())
	if r := call(t, s, "", "GET", "/api/v2/setup", nil).want(t, 200); r.body != `{"allowed":true}`+"\n" {
		t.Errorf("before setup: %s", r.body)
	}
	c := client(s, "")
	defer c.Close()
	on, err := c.SetupWithToken(t.Context(), "root", "password", orgName, "first", 48, rootToken)
	if err != nil {
		t.Fatal(err)
	}
	if *on.Auth.Token != rootToken || on.Org.Name != orgName || on.Bucket.Name != "first" {
		t.Errorf("setup answered %+v", on)
	}
	if r := call(t, s, "", "GET", "/api/v2/setup", nil); r.body != `{"allowed":false}`+"\n" {
		t.Errorf("after setup: %s", r.body)
	}
	again := map[string]any{"username": "a", "password": "password", "org": "b", "bucket": "c"}
	call(t, s, "", "POST", "/api/v2/setup", again).wantError(t, 422, "conflict", "already been completed")

	full := client(s, rootToken)
	defer full.Close()
	me, err := full.UsersAPI().Me(t.Context())
	if err != nil || me.Name != "root" {
		t.Errorf("me: %+v, %v", me, err)
	}
	u, err := full.UsersAPI().FindUserByName(t.Context(), "root")
	if err != nil || *u.Id != *me.Id {
		t.Errorf("user by name: %+v, %v", u, err)
	}
	if u, err := full.UsersAPI().FindUserByID(t.Context(), *me.Id); err != nil || u.Name != "root" {
		t.Errorf("user by id: %+v, %v", u, err)
	}
}

func TestSetupRefusesBadRequests(t *testing.T) {
	s := open(t, t.TempDir())
	for name, tc := range map[string]struct {
		body   any
		status int
		code   string
	}{
		"no org":         {map[string]any{"username": "u", "password": "password", "bucket": "b"}, 400, "empty value"},
		"no user":        {map[string]any{"org": "u", "password": "password", "bucket": "b"}, 400, "empty value"},
		"no bucket":      {map[string]any{"username": "u", "password": "password", "org": "o"}, 400, "invalid"},
		"short password": {map[string]any{"username": "u", "password": "short", "org": "o", "bucket": "b"}, 400, "invalid"},
		"short retention": {map[string]any{"username": "u", "password": "password", "org": "o", "bucket": "b",
			"retentionPeriodSeconds": 60}, 422, "unprocessable entity"},
		"no JSON": {"hello", 400, "invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			call(t, s, "", "POST", "/api/v2/setup", tc.body).wantError(t, tc.status, tc.code, "")
		})
	}
	if r := call(t, s, "", "GET", "/api/v2/setup", nil); r.body != `{"allowed":true}`+"\n" {
		t.Errorf("a refused setup left its mark: %s", r.body)
	}
}

func TestBuckets(t *testing.T) {
	s := fresh(t)
	c := client(s, rootToken)
	defer c.Close()
	ctx := t.Context()
	buckets := c.BucketsAPI()
	org := orgID(t, s)

	b, err := buckets.CreateBucketWithNameWithID(ctx, org, "made", domain.RetentionRule{EverySeconds: 7200})
	if err != nil {
		t.Fatal(err)
	}
	if b.RetentionRules[0].EverySeconds != 7200 {
		t.Errorf("retention %+v", b.RetentionRules)
	}
	if _, err := buckets.CreateBucketWithNameWithID(ctx, org, "made"); !isCode(err, "conflict") {
		t.Errorf("same name again: %v", err)
	}
	if r := write(t, s, rootToken, "made", "m f=1"); r.status != 204 {
		t.Fatalf("write: %+v", r)
	}
	b.Name = "renamed"
	b.RetentionRules[0].EverySeconds = 30 * 24 * 3600
	b.RetentionRules[0].ShardGroupDurationSeconds = nil
	if b, err = buckets.UpdateBucket(ctx, b); err != nil || b.Name != "renamed" || b.RetentionRules[0].EverySeconds != 30*24*3600 {
		t.Fatalf("update: %+v, %v", b, err)
	}
	if got := values(t, s, rootToken, `from(bucket: "renamed") |> range(start: -1h)`); len(got) != 1 {
		t.Errorf("data did not survive the rename: %v", got)
	}
	if _, err := buckets.FindBucketByName(ctx, "made"); err == nil {
		t.Error("the old name is still found")
	}
	if got, err := buckets.FindBucketByName(ctx, "renamed"); err != nil || *got.Id != *b.Id {
		t.Errorf("by name: %+v, %v", got, err)
	}
	if got, err := buckets.FindBucketByID(ctx, *b.Id); err != nil || got.Name != "renamed" {
		t.Errorf("by id: %+v, %v", got, err)
	}
	if err := buckets.DeleteBucket(ctx, b); err != nil {
		t.Fatal(err)
	}
	if _, err := buckets.FindBucketByID(ctx, *b.Id); !isCode(err, "not found") {
		t.Errorf("deleted bucket: %v", err)
	}
	write(t, s, rootToken, "renamed", "m f=1").wantError(t, 404, "not found", "renamed")
	// A new one of the same name starts empty.
	newBucket(t, s, "renamed")
	if got := values(t, s, rootToken, `from(bucket: "renamed") |> range(start: -1h)`); len(got) != 0 {
		t.Errorf("the new bucket has the old data: %v", got)
	}
}

func TestBucketPaging(t *testing.T) {
	s := fresh(t)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		newBucket(t, s, name)
	}
	c := client(s, rootToken)
	defer c.Close()
	names := func(opts ...api.PagingOption) (out []string) {
		t.Helper()
		page, err := c.BucketsAPI().GetBuckets(t.Context(), opts...)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range *page {
			out = append(out, b.Name)
		}
		return out
	}
	if got := names(); len(got) != 6 || got[0] != "first" || got[5] != "e" {
		t.Errorf("all: %v", got)
	}
	if got := names(api.PagingWithLimit(2), api.PagingWithOffset(1)); len(got) != 2 || got[0] != "a" || got[1] != "b" {
		t.Errorf("limit 2 offset 1: %v", got)
	}
	b, err := c.BucketsAPI().FindBucketByName(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	var after struct{ Buckets []struct{ Name string } }
	call(t, s, rootToken, "GET", "/api/v2/buckets?after="+*b.Id, nil).want(t, 200).decode(t, &after)
	if len(after.Buckets) != 2 || after.Buckets[0].Name != "d" {
		t.Errorf("after c: %v", after)
	}
	call(t, s, rootToken, "GET", "/api/v2/buckets?limit=0", nil).wantError(t, 400, "invalid", "limit")
	call(t, s, rootToken, "GET", "/api/v2/buckets?limit=x", nil).wantError(t, 400, "invalid", "limit")
	var page struct {
		Buckets []struct {
			Name  string
			Bytes *int64
		}
		Links map[string]string
	}
	call(t, s, rootToken, "GET", "/api/v2/buckets?limit=3&org=org", nil).want(t, 200).decode(t, &page)
	if len(page.Buckets) != 3 || page.Buckets[0].Bytes == nil || page.Links["next"] == "" {
		t.Errorf("page: %+v", page)
	}
}

func TestBucketRules(t *testing.T) {
	s := fresh(t)
	org := orgID(t, s)
	for name, tc := range map[string]struct {
		body   map[string]any
		status int
		code   string
	}{
		"no org":          {map[string]any{"name": "x"}, 400, "invalid"},
		"no name":         {map[string]any{"orgID": org}, 400, "invalid"},
		"underscore":      {map[string]any{"orgID": org, "name": "_x"}, 400, "invalid"},
		"short retention": {map[string]any{"orgID": org, "name": "x", "retentionRules": []any{map[string]any{"type": "expire", "everySeconds": 60}}}, 422, "unprocessable entity"},
		"unknown org":     {map[string]any{"orgID": "0123456789abcdef", "name": "x"}, 404, "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			call(t, s, rootToken, "POST", "/api/v2/buckets", tc.body).wantError(t, tc.status, tc.code, "")
		})
	}
	call(t, s, rootToken, "GET", "/api/v2/buckets/xyz", nil).wantError(t, 400, "invalid", "xyz")
}

func TestOrganizations(t *testing.T) {
	s := fresh(t)
	c := client(s, rootToken)
	defer c.Close()
	orgs := c.OrganizationsAPI()
	o, err := orgs.CreateOrganizationWithName(t.Context(), "second")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := orgs.CreateOrganizationWithName(t.Context(), "second"); !isCode(err, "conflict") {
		t.Errorf("same name: %v", err)
	}
	o.Name = "other"
	if o, err = orgs.UpdateOrganization(t.Context(), o); err != nil || o.Name != "other" {
		t.Errorf("update: %+v, %v", o, err)
	}
	b, err := c.BucketsAPI().CreateBucketWithName(t.Context(), o, "first")
	if err != nil {
		t.Fatalf("the same bucket name in another organisation: %v", err)
	}
	if err := c.WriteAPIBlocking("other", "first").WriteRecord(t.Context(), "m f=2"); err != nil {
		t.Fatal(err)
	}
	if got := values(t, s, rootToken, `from(bucket: "first") |> range(start: -1h)`); len(got) != 0 {
		t.Errorf("data of one organisation is in the other: %v", got)
	}
	if err := orgs.DeleteOrganization(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if _, err := orgs.FindOrganizationByID(t.Context(), *o.Id); !isCode(err, "not found") {
		t.Errorf("deleted organisation: %v", err)
	}
	if _, err := c.BucketsAPI().FindBucketByID(t.Context(), *b.Id); !isCode(err, "not found") {
		t.Errorf("bucket of a deleted organisation: %v", err)
	}
}

func TestUnknownRoutes(t *testing.T) {
	s := fresh(t)
	for _, path := range []string{"/api/v2/tasks", "/api/v2", "/api/v2/buckets/0123456789abcdef/labels", "/debug/pprof/", "/"} {
		call(t, s, rootToken, "GET", path, nil).wantError(t, 404, "not found", "")
	}
	call(t, s, "", "GET", "/api/v2/tasks", nil).wantError(t, 401, "unauthorized", "")
	r := call(t, s, rootToken, "DELETE", "/api/v2/write", nil)
	r.wantError(t, 405, "method not allowed", "")
	if r.header.Get("Allow") != "POST" {
		t.Errorf("Allow: %q", r.header.Get("Allow"))
	}
}

func TestWritePrecisions(t *testing.T) {
	s := fresh(t)
	at := time.Now().Add(-time.Minute).Truncate(time.Second)
	for precision, step := range map[string]time.Duration{"ns": time.Nanosecond, "us": time.Microsecond, "ms": time.Millisecond, "s": time.Second} {
		t.Run(precision, func(t *testing.T) {
			c := influxdb2.NewClientWithOptions(base, rootToken, influxdb2.DefaultOptions().SetHTTPClient(s.HTTPClient()).SetPrecision(step).SetUseGZip(true))
			defer c.Close()
			bucket := "p-" + precision
			newBucket(t, s, bucket)
			p := influxdb2.NewPoint("m", nil, map[string]any{"f": 1.5, "i": int64(1), "u": uint64(7), "s": "text", "b": true}, at)
			if err := c.WriteAPIBlocking(orgName, bucket).WritePoint(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			res, err := c.QueryAPI(orgName).Query(t.Context(), `from(bucket: "`+bucket+`") |> range(start: -1h)`)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]any{}
			for res.Next() {
				if !res.Record().Time().Equal(at) {
					t.Errorf("time %v, want %v", res.Record().Time(), at)
				}
				got[res.Record().Field()] = res.Record().Value()
			}
			if res.Err() != nil || len(got) != 5 || got["f"] != 1.5 || got["i"] != int64(1) || got["u"] != uint64(7) || got["s"] != "text" || got["b"] != true {
				t.Errorf("got %v, %v", got, res.Err())
			}
		})
	}
	write(t, s, rootToken, "first&precision=h", "m f=1 1").wantError(t, 400, "invalid", "precision")
}

// isCode: the client's management calls keep of an error only its text, which
// begins with the code.
func isCode(err error, code string) bool {
	return err != nil && strings.HasPrefix(err.Error(), code+": ")
}
