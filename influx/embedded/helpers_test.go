package embedded_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/domain"

	"iotcenter/influx/embedded"
)

const (
	rootToken = "root-token-of-the-test"
	orgName   = "org"
	base      = "http://embedded"
)

func open(t *testing.T, dir string) *embedded.Server {
	t.Helper()
	s, err := embedded.Open(t.Context(), embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// fresh is a new database that is set up with rootToken and the bucket "first".
func fresh(t *testing.T) *embedded.Server {
	t.Helper()
	s := open(t, t.TempDir())
	setup(t, s)
	return s
}

func setup(t *testing.T, s *embedded.Server) {
	t.Helper()
	r := call(t, s, "", "POST", "/api/v2/setup", map[string]any{
		"username": "root", "password": "password", "org": orgName, "bucket": "first", "token": rootToken,
	})
	r.want(t, http.StatusCreated)
}

func client(s *embedded.Server, token string) influxdb2.Client {
	return influxdb2.NewClientWithOptions(base, token, influxdb2.DefaultOptions().SetHTTPClient(s.HTTPClient()))
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) want(t *testing.T, status int) reply {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	return r
}

// wantError checks an error of the API, header and body.
func (r reply) wantError(t *testing.T, status int, code, part string) {
	t.Helper()
	r.want(t, status)
	var e struct{ Code, Message string }
	r.decode(t, &e)
	if e.Code != code || r.header.Get("X-Platform-Error-Code") != code || !strings.Contains(e.Message, part) {
		t.Fatalf("error %q %q (header %q), want %q with %q", e.Code, e.Message, r.header.Get("X-Platform-Error-Code"), code, part)
	}
}

func (r reply) decode(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), into); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
}

// call sends a request; a body that is no string or reader goes as JSON.
func call(t *testing.T, s *embedded.Server, token, method, path string, body any, header ...string) reply {
	t.Helper()
	var rd io.Reader
	contentType := ""
	switch b := body.(type) {
	case nil:
	case string:
		rd = strings.NewReader(b)
	case []byte:
		rd = bytes.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		rd, contentType = bytes.NewReader(data), "application/json"
	}
	req, err := http.NewRequestWithContext(t.Context(), method, base+path, rd)
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if token != "" {
		req.Header.Set("Authorization", "Token "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.HTTPClient().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(data)}
}

func write(t *testing.T, s *embedded.Server, token, bucket, lines string) reply {
	t.Helper()
	return call(t, s, token, "POST", "/api/v2/write?org="+orgName+"&bucket="+bucket, lines)
}

// values runs Flux and answers the values of the column, in order.
func values(t *testing.T, s *embedded.Server, token, script string) []any {
	t.Helper()
	c := client(s, token)
	defer c.Close()
	res, err := c.QueryAPI(orgName).Query(t.Context(), script)
	if err != nil {
		t.Fatalf("%v in %s", err, script)
	}
	out := []any{}
	for res.Next() {
		out = append(out, res.Record().Value())
	}
	if res.Err() != nil {
		t.Fatal(res.Err())
	}
	return out
}

func orgID(t *testing.T, s *embedded.Server) string {
	t.Helper()
	c := client(s, rootToken)
	defer c.Close()
	o, err := c.OrganizationsAPI().FindOrganizationByName(t.Context(), orgName)
	if err != nil {
		t.Fatal(err)
	}
	return *o.Id
}

func newBucket(t *testing.T, s *embedded.Server, name string, rules ...domain.RetentionRule) string {
	t.Helper()
	c := client(s, rootToken)
	defer c.Close()
	b, err := c.BucketsAPI().CreateBucketWithNameWithID(t.Context(), orgID(t, s), name, rules...)
	if err != nil {
		t.Fatal(err)
	}
	return *b.Id
}

// right is to read or write one bucket, or all of the organisation with an empty id.
type right struct{ action, bucketID string }

// newToken mints a token for buckets and answers it with its authorization's id.
func newToken(t *testing.T, s *embedded.Server, rights ...right) (token, id string) {
	t.Helper()
	org := orgID(t, s)
	var ps []domain.Permission
	for _, r := range rights {
		resource := domain.Resource{Type: domain.ResourceTypeBuckets, OrgID: &org}
		if r.bucketID != "" {
			resource.Id = &r.bucketID
		}
		ps = append(ps, domain.Permission{Action: domain.PermissionAction(r.action), Resource: resource})
	}
	c := client(s, rootToken)
	defer c.Close()
	a, err := c.AuthorizationsAPI().CreateAuthorizationWithOrgID(context.Background(), org, ps)
	if err != nil {
		t.Fatal(err)
	}
	return *a.Token, *a.Id
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	patience, tick := time.NewTimer(30*time.Second), time.NewTicker(5*time.Millisecond)
	defer patience.Stop()
	defer tick.Stop()
	for !holds() {
		select {
		case <-patience.C:
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}
