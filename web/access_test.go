package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"iotcenter/handlers"
	"iotcenter/influx"
	"iotcenter/ledger"
	"iotcenter/people"
	"iotcenter/static"
)

// The principals of the matrix, in the order of its columns.
const (
	nobody = iota
	viewer
	operator
	admin
	overviewKey
	technicalKey
	adminKey
	ownDevice
	otherDevice
	suspendedDevice
	removedDevice // with the token that it had
	signedOut     // with a session that was good once
	revokedKey
	expiredKey
	enrolmentKey // in the header; one that has not enrolled the device that is asked about
	principals
)

var principalNames = [principals]string{"nobody", "viewer", "operator", "admin", "OVERVIEW", "TECHNICAL", "ADMIN", "own device", "other device",
	"suspended device", "removed device", "signed out", "revoked key", "expired key", "enrolment key"}

// toLogin is the status of an answer that leads to the sign-in page.
const toLogin = -303

// expectation is one status for each principal.
type expectation [principals]int

// page is for people of a role or above; a credential of a program is none there.
func page(least, ok int) expectation {
	e := all(toLogin)
	for role := viewer; role <= admin; role++ {
		e[role] = ok
		if role < least {
			e[role] = 403
		}
	}
	return e
}

// data is what scripts of pages ask for.
func data(ok int) expectation { return only(401, with{viewer: ok, operator: ok, admin: ok}) }

// api is for people of a role or above and for keys of a level or above.
func api(least, level, ok int) expectation {
	e := all(401)
	for i := viewer; i <= adminKey; i++ {
		e[i] = 403
		if i <= admin && i >= least || i > admin && i >= level {
			e[i] = ok
		}
	}
	return e
}

// key is for keys of a level or above, and for nobody else: a person's session is none.
func key(level, ok int) expectation {
	e := all(401)
	for i := overviewKey; i <= adminKey; i++ {
		e[i] = 403
		if i >= level {
			e[i] = ok
		}
	}
	return e
}

// anyKey is for keys of all levels.
func anyKey(status int) expectation { return key(overviewKey, status) }

// all is the same for everybody.
func all(status int) expectation {
	e := expectation{}
	for i := range e {
		e[i] = status
	}
	return e
}

// with is the statuses of some principals.
type with map[int]int

// only is the same for everybody but some.
func only(status int, but with) expectation {
	e := all(status)
	for i, other := range but {
		e[i] = other
	}
	return e
}

// ask is a request of the matrix; body is a form, or lines for the gateway.
type ask struct{ path, body string }

// matrixRow is what is asked of a route, made anew for each principal, and what each of them gets.
type matrixRow struct {
	want expectation
	ask  func(*matrix) ask
}

// fixed asks the same of everybody.
func fixed(path, body string) func(*matrix) ask { return func(*matrix) ask { return ask{path, body} } }

// aboutDevice asks about a device that is registered for this one request.
func aboutDevice(path, body string) func(*matrix) ask {
	return func(m *matrix) ask { return ask{fmt.Sprintf(path, m.freshDevice()), body} }
}

// nobodysSensor is a UUID that nothing has.
const nobodysSensor = "00000000-0000-4000-8000-000000000000"

// matrixRows has an entry for each route.
var matrixRows = map[string]matrixRow{
	"GET /healthz":       {all(200), fixed("/healthz", "")},
	"GET /readyz":        {all(200), fixed("/readyz", "")},
	"GET /metrics":       {api(viewer, overviewKey, 200), fixed("/metrics", "")},
	"* /static/":         {all(200), fixed(static.URL("app.css"), "")},
	"GET /influx/health": {all(200), fixed("/influx/health", "")},
	"GET /influx/ping":   {all(204), fixed("/influx/ping", "")},
	"POST /influx/api/v2/write": {only(401, with{ownDevice: 204, otherDevice: 403, suspendedDevice: 403}),
		fixed("/influx/api/v2/write?bucket=iot_center", "environment,clientId=matrix-own Temperature=1")},

	"GET /api/env/{id}":               {only(403, with{adminKey: 200, ownDevice: 200, removedDevice: 401, revokedKey: 401, expiredKey: 401}), fixed("/api/env/matrix-own", "")},
	"GET /api/devices":                {api(viewer, overviewKey, 200), fixed("/api/devices", "")},
	"POST /api/devices/{id}":          {api(operator, adminKey, 200), aboutDevice("/api/devices/%s", "")},
	"DELETE /api/devices/{id}":        {api(operator, adminKey, 204), aboutDevice("/api/devices/%s", "")},
	"GET /api/devices/{id}/series":    {api(viewer, overviewKey, 200), fixed("/api/devices/matrix-own/series", "")},
	"POST /api/devices/{id}/backfill": {api(operator, technicalKey, 200), fixed("/api/devices/matrix-virtual/backfill", "")},
	"GET /api/gpxVirtual":             {api(viewer, overviewKey, 200), fixed("/api/gpxVirtual", "")},

	"GET /v1/sensor/{sensor}/timeseries":             {key(overviewKey, 200), fixed("/v1/sensor/matrix-own/timeseries", "")},
	"POST /v1/sensor/{sensor}/timeseries":            {key(technicalKey, 201), fixed("/v1/sensor/matrix-own/timeseries", `{"data":{"type":"data-point","attributes":{"port":"t","value":1}}}`)},
	"GET /v1/sensor/{sensor}/timeseries/live":        {key(overviewKey, 404), fixed("/v1/sensor/"+nobodysSensor+"/timeseries/live", "")}, // one that is there has no end
	"GET /v1/organization/timeseries":                {key(overviewKey, 200), fixed("/v1/organization/timeseries", "")},
	"POST /v1/organization/timeseries":               {key(technicalKey, 201), fixed("/v1/organization/timeseries", `{"data":{"type":"data-point","attributes":{"port":"t","value":1}}}`)},
	"GET /v1/organization/timeseries/live":           {key(overviewKey, 400), fixed("/v1/organization/timeseries/live?page%5Bsize%5D=0", "")},
	"GET /v1/organization":                           {key(overviewKey, 200), fixed("/v1/organization", "")},
	"GET /v1/sensor":                                 {key(overviewKey, 200), fixed("/v1/sensor", "")},
	"POST /v1/sensor":                                {key(adminKey, 201), fixed("/v1/sensor", `{"data":{"type":"sensor","attributes":{"name":"matrix"}}}`)},
	"GET /v1/sensor/{sensor}":                        {key(overviewKey, 200), fixed("/v1/sensor/matrix-own", "")},
	"PATCH /v1/sensor/{sensor}":                      {key(adminKey, 200), fixed("/v1/sensor/matrix-own", `{"data":{"type":"sensor","attributes":{"name":"matrix"}}}`)},
	"DELETE /v1/sensor/{sensor}":                     {key(adminKey, 204), aboutDevice("/v1/sensor/%s", "")},
	"GET /v1/sensor/{sensor}/metadata":               {key(overviewKey, 200), fixed("/v1/sensor/matrix-own/metadata", "")},
	"PATCH /v1/sensor/{sensor}/metadata":             {key(adminKey, 200), fixed("/v1/sensor/matrix-own/metadata", `{"data":{"attributes":{}}}`)},
	"PUT /v1/sensor/{sensor}/metadata":               {key(adminKey, 200), fixed("/v1/sensor/matrix-own/metadata", `{"data":{"attributes":{}}}`)},
	"GET /v1/label":                                  {key(overviewKey, 200), fixed("/v1/label", "")},
	"POST /v1/label":                                 {key(adminKey, 201), fixed("/v1/label", `{"data":{"type":"label","attributes":{"name":"matrix"}}}`)},
	"GET /v1/label/{label}":                          {key(overviewKey, 404), fixed("/v1/label/"+nobodysSensor, "")},
	"PATCH /v1/label/{label}":                        {key(adminKey, 404), fixed("/v1/label/"+nobodysSensor, "{}")},
	"DELETE /v1/label/{label}":                       {key(adminKey, 404), fixed("/v1/label/"+nobodysSensor, "")},
	"GET /v1/label/{label}/sensor":                   {key(overviewKey, 404), fixed("/v1/label/"+nobodysSensor+"/sensor", "")},
	"GET /v1/sensor/{sensor}/label":                  {key(overviewKey, 200), fixed("/v1/sensor/matrix-own/label", "")},
	"GET /v1/label/{label}/relationships/sensor":     {key(overviewKey, 404), fixed("/v1/label/"+nobodysSensor+"/relationships/sensor", "")},
	"POST /v1/label/{label}/relationships/sensor":    {key(adminKey, 404), fixed("/v1/label/"+nobodysSensor+"/relationships/sensor", `{"data":[]}`)},
	"PATCH /v1/label/{label}/relationships/sensor":   {key(adminKey, 404), fixed("/v1/label/"+nobodysSensor+"/relationships/sensor", `{"data":[]}`)},
	"DELETE /v1/label/{label}/relationships/sensor":  {key(adminKey, 404), fixed("/v1/label/"+nobodysSensor+"/relationships/sensor", `{"data":[]}`)},
	"GET /v1/sensor/{sensor}/relationships/label":    {key(overviewKey, 200), fixed("/v1/sensor/matrix-own/relationships/label", "")},
	"POST /v1/sensor/{sensor}/relationships/label":   {key(adminKey, 200), fixed("/v1/sensor/matrix-own/relationships/label", `{"data":[]}`)},
	"PATCH /v1/sensor/{sensor}/relationships/label":  {key(adminKey, 200), fixed("/v1/sensor/matrix-own/relationships/label", `{"data":[]}`)},
	"DELETE /v1/sensor/{sensor}/relationships/label": {key(adminKey, 200), fixed("/v1/sensor/matrix-own/relationships/label", `{"data":[]}`)},
	"GET /v1/products/{imei}/data":                   {key(overviewKey, 200), fixed("/v1/products/matrix-own/data", "")},
	"POST /v1/products/{imei}/data":                  {key(technicalKey, 200), fixed("/v1/products/matrix-own/data", matrixBatch)},
	"GET /v1/influx/data":                            {key(overviewKey, 200), fixed("/v1/influx/data", "")},
	"POST /v1/influx/data":                           {key(technicalKey, 200), fixed("/v1/influx/data", matrixBatch)},
	"GET /v1/influx/custom_query":                    {key(overviewKey, 200), fixed("/v1/influx/custom_query?q=SHOW+MEASUREMENTS", "")},
	"GET /v1/products":                               {key(overviewKey, 200), fixed("/v1/products", "")},
	"GET /v1/products/{imei}":                        {key(overviewKey, 200), fixed("/v1/products/matrix-own", "")},
	"PUT /v1/products/{imei}":                        {key(adminKey, 200), fixed("/v1/products/matrix-own", `{"name":"matrix"}`)},
	"GET /v1/product_types":                          {key(overviewKey, 200), fixed("/v1/product_types", "")},
	"GET /v1/product_types/{type}":                   {key(overviewKey, 404), fixed("/v1/product_types/none", "")},
	"PUT /v1/product_types/{type}":                   {key(adminKey, 201), fixed("/v1/product_types/matrix", `{"start":"30d"}`)},
	"DELETE /v1/product_types/{type}":                {key(adminKey, 404), fixed("/v1/product_types/none", "")},

	"GET /api/openapi.json": {api(viewer, overviewKey, 200), fixed("/api/openapi.json", "")},
	"GET /api-docs":         {page(viewer, 200), fixed("/api-docs", "")},
	"GET /api-docs/{group}": {page(viewer, 200), fixed("/api-docs/helium", "")},

	"GET /login": {only(200, with{viewer: 303, operator: 303, admin: 303}), fixed("/login", "")},
	"POST /login": {all(303), func(m *matrix) ask {
		m.freshSession() // signing in ends the session that the browser had
		return ask{"/login", "username=matrix-viewer&password=" + matrixPassword}
	}},
	"POST /logout":                       {page(viewer, toLogin), func(m *matrix) ask { m.freshSession(); return ask{"/logout", ""} }},
	"GET /account":                       {page(viewer, 200), fixed("/account", "")},
	"POST /account/password":             {page(viewer, 422), fixed("/account/password", "old=x&new=a&repeat=b")},
	"POST /account/sessions/{ref}/end":   {page(viewer, 303), fixed("/account/sessions/none/end", "")},
	"GET /people":                        {page(admin, 200), fixed("/people", "")},
	"GET /people/new":                    {page(admin, 200), fixed("/people/new", "")},
	"GET /people/new?person={person:.*}": {page(admin, 404), fixed("/people/new?person", "")},
	"POST /people/new":                   {page(admin, 422), fixed("/people/new", "username=&role=viewer")},
	"GET /people/{name}":                 {page(admin, 200), fixed("/people/matrix-viewer", "")},
	"POST /people/{name}/role":           {page(admin, 303), fixed("/people/matrix-spare/role", "role=viewer")},
	"POST /people/{name}/password":       {page(admin, 303), fixed("/people/matrix-spare/password", "")},
	"POST /people/{name}/sessions/end":   {page(admin, 303), fixed("/people/matrix-spare/sessions/end", "")},
	"GET /people/{name}/remove":          {page(admin, 200), fixed("/people/matrix-spare/remove", "")},
	"POST /people/{name}/remove":         {page(admin, 404), fixed("/people/nobody-at-all/remove", "")},
	"GET /keys":                          {page(admin, 200), fixed("/keys", "")},
	"GET /keys/new":                      {page(admin, 200), fixed("/keys/new", "")},
	"POST /keys/new":                     {page(admin, 422), fixed("/keys/new", "name=&level=OVERVIEW&days=30")},
	"GET /keys/{key}/revoke":             {page(admin, 404), fixed("/keys/none/revoke", "")},
	"POST /keys/{key}/revoke":            {page(admin, 404), fixed("/keys/none/revoke", "")},
	"GET /audit":                         {page(admin, 200), fixed("/audit", "")},
	"GET /audit.csv":                     {page(admin, 200), fixed("/audit.csv", "")},
	"GET /enrolment":                     {page(operator, 200), fixed("/enrolment", "")},
	"POST /enrolment/open":               {page(operator, 422), fixed("/enrolment/open", "minutes=0")},
	"POST /enrolment/close":              {page(operator, 303), fixed("/enrolment/close", "")},
	"POST /enrolment/inbox/approve":      {page(operator, 303), fixed("/enrolment/inbox/approve", "id=none&address=192.0.2.1")},
	"POST /enrolment/inbox/dismiss":      {page(operator, 303), fixed("/enrolment/inbox/dismiss", "id=none&address=192.0.2.1")},
	"GET /enrolment/keys/new":            {page(operator, 200), fixed("/enrolment/keys/new", "")},
	"POST /enrolment/keys/new":           {page(operator, 422), fixed("/enrolment/keys/new", "name=&most=0&days=0")},
	"GET /enrolment/keys/{key}/revoke":   {page(operator, 404), fixed("/enrolment/keys/none/revoke", "")},
	"POST /enrolment/keys/{key}/revoke":  {page(operator, 404), fixed("/enrolment/keys/none/revoke", "")},

	"GET /":                               {page(viewer, 200), fixed("/", "")},
	"GET /about":                          {page(viewer, 200), fixed("/about", "")},
	"POST /theme":                         {page(viewer, 303), fixed("/theme", "theme=dark&back=/about")},
	"POST /help":                          {page(viewer, 303), fixed("/help", "topic=home&open=true&back=/")},
	"POST /database/try":                  {page(viewer, 303), fixed("/database/try", "back=/")},
	"GET /devices":                        {page(viewer, 200), fixed("/devices", "")},
	"POST /devices":                       {page(operator, 303), func(m *matrix) ask { return ask{"/devices", "id=" + m.name()} }},
	"GET /devices/new":                    {page(operator, 200), fixed("/devices/new", "")},
	"GET /devices/new?device={device:.*}": {page(viewer, 404), fixed("/devices/new?device", "")},
	"GET /devices/{id}":                   {page(viewer, 200), fixed("/devices/matrix-own", "")},
	"GET /devices/{id}/remove":            {page(operator, 200), fixed("/devices/matrix-own/remove", "")},
	"POST /devices/{id}/remove":           {page(operator, 303), aboutDevice("/devices/%s/remove", "data=keep")},
	"POST /devices/{id}/profile":          {page(operator, 303), aboutDevice("/devices/%s/profile", "name=matrix")},
	"GET /product-types":                  {page(operator, 200), fixed("/product-types", "")},
	"POST /product-types":                 {page(operator, 422), fixed("/product-types", "name=")},
	"GET /product-types/{name}/remove":    {page(operator, 404), fixed("/product-types/none/remove", "")},
	"POST /product-types/{name}/remove":   {page(operator, 404), fixed("/product-types/none/remove", "")},
	"GET /devices/{id}/rotate":            {page(operator, 200), fixed("/devices/matrix-own/rotate", "")},
	"POST /devices/{id}/rotate":           {page(operator, 303), aboutDevice("/devices/%s/rotate", "")},
	"GET /devices/{id}/suspend":           {page(operator, 200), fixed("/devices/matrix-own/suspend", "")},
	"POST /devices/{id}/suspend":          {page(operator, 303), aboutDevice("/devices/%s/suspend", "")},
	"POST /devices/{id}/resume":           {page(operator, 303), aboutDevice("/devices/%s/resume", "")},
	"GET /buckets":                        {page(viewer, 200), fixed("/buckets", "")},
	"POST /buckets":                       {page(operator, 422), fixed("/buckets", "name=&retention=0")},
	"GET /buckets/{bucket}/retention":     {page(operator, 404), fixed("/buckets/none/retention", "")},
	"POST /buckets/{bucket}/retention":    {page(operator, 404), fixed("/buckets/none/retention", "retention=0")},
	"GET /dashboard":                      {page(viewer, 200), fixed("/dashboard", "")},
	"GET /dashboard/devices?q={q}":        {page(viewer, 200), fixed("/dashboard/devices?q=m", "")},
	"GET /dashboard/{id}":                 {page(viewer, 200), fixed("/dashboard/matrix-own", "")},
	"GET /dashboard/{id}/data":            {data(200), fixed("/dashboard/matrix-own/data?points=100", "")},
	"GET /dashboard/{id}/last":            {data(200), fixed("/dashboard/matrix-own/last", "")},
	"GET /virtual":                        {page(viewer, 200), fixed("/virtual", "")},
	"GET /devices/virtual_device":         {page(viewer, 200), fixed("/devices/virtual_device", "")},
	"GET /virtual/events":                 {page(viewer, 200), fixed("/virtual/events", "")},
	"POST /virtual/backfill":              {page(operator, 303), fixed("/virtual/backfill", "")},
	"POST /virtual/backfill/cancel":       {page(operator, 303), fixed("/virtual/backfill/cancel", "")},
	"POST /virtual/live":                  {page(operator, 303), fixed("/virtual/live", "on=false")},
}

const matrixBatch = `{"measurement":"telemetry","fields":{"current":[["2024-05-06T07:08:09Z",1.5]]}}`

const matrixPassword = "matrix-password-1"

// matrix is a running program with somebody of each kind.
type matrix struct {
	*program
	admin   *http.Cookie
	cookies [principals]*http.Cookie
	keys    [principals]string // tokens and API keys
	once    *http.Cookie       // for the next request only
	present int                // the principal whose turn it is
	fresh   int

	asked    int            // requests so far
	refusals errgroup.Group // those that are refused slowly
}

// beyondRoutes are requests that no route takes: what there is and what there is not is no stranger's business.
var beyondRoutes = map[string]matrixRow{
	"GET /nothing":               {page(viewer, 404), fixed("/nothing", "")},
	"PUT /people":                {page(viewer, 405), fixed("/people", "")},
	"GET /api/nothing":           {api(viewer, overviewKey, 404), fixed("/api/nothing", "")},
	"PATCH /api/devices":         {api(viewer, overviewKey, 405), fixed("/api/devices", "")},
	"GET /v1/sensor/a/b/c":       {anyKey(404), fixed("/v1/sensor/a/b/c", "")},
	"PUT /v1/label":              {anyKey(405), fixed("/v1/label", "{}")},
	"GET /v1/nothing":            {anyKey(404), fixed("/v1/nothing", "")},
	"DELETE /v1/products":        {anyKey(405), fixed("/v1/products", "")},
	"GET /influx/api/v2/buckets": {all(404), fixed("/influx/api/v2/buckets", "")},
	"GET /influx/api/v2/write":   {all(405), fixed("/influx/api/v2/write", "")},
}

// TestAccessMatrix asks every route as every principal. A route without a row fails, and a row without a route.
func TestAccessMatrix(t *testing.T) {
	m := newMatrix(t)
	rows := map[string]bool{}
	for _, route := range handlers.New(handlers.Options{SessionKey: []byte("s")}).Routes() {
		key := "* " + route.Path
		if len(route.Methods) > 0 {
			key = route.Methods[0] + " " + route.Path
		}
		rows[key] = true
		row, ok := matrixRows[key]
		if !ok {
			t.Errorf("the route %q has no row in the matrix", key)
			continue
		}
		methods := route.Methods
		if len(methods) == 0 {
			methods = []string{"GET"}
		}
		for _, method := range methods {
			for m.present = range principals {
				m.check(t, method, key, row)
			}
		}
	}
	for key, row := range beyondRoutes {
		method, _, _ := strings.Cut(key, " ")
		for m.present = range principals {
			m.check(t, method, key, row)
		}
	}
	m.refusals.Wait()
	for key := range matrixRows {
		if !rows[key] {
			t.Errorf("the row %q has no route", key)
		}
	}
}

func (m *matrix) check(t *testing.T, method, key string, row matrixRow) {
	t.Helper()
	a := row.ask(m)
	want := row.want[m.present]
	gateway := strings.HasPrefix(a.path, "/influx/")
	headers := []string{}
	c := m.cookies[m.present]
	if m.once != nil {
		c, m.once = m.once, nil
	}
	if c != nil {
		headers = append(headers, "Cookie", c.Name+"="+c.Value, "Sec-Fetch-Site", "same-origin")
	}
	if k := m.keys[m.present]; k != "" {
		headers = append(headers, "Authorization", "Token "+k)
	}
	switch {
	case strings.HasPrefix(a.path, "/v1/"):
		headers = append(headers, "Content-Type", "application/json")
	case a.body != "" && !gateway:
		headers = append(headers, "Content-Type", "application/x-www-form-urlencoded")
	}
	m.asked++ // each from an address of its own: several columns bring a token that is none, of which an address may try few
	headers = append(headers, "X-Forwarded-For", fmt.Sprintf("10.0.%d.%d", m.asked/250, 1+m.asked%250))
	who := principalNames[m.present]
	ask := func() {
		got := m.send(method, a.path, a.body, headers...)
		code := got.Status
		if code == 303 && strings.HasPrefix(got.Header.Get("Location"), "/login") {
			code = toLogin
		}
		if code != want {
			t.Errorf("%s as %s: %d, want %d (%s %s) %.200s", key, who, code, want, method, a.path, got.Body)
		}
	}
	switch m.present {
	case signedOut, revokedKey:
		// The program waits for what other replicas may have written before it refuses them; they change nothing.
		m.refusals.Go(func() error { ask(); return nil })
	default:
		ask()
	}
}

func newMatrix(t *testing.T) *matrix {
	t.Helper()
	env := databaseEnv(t)
	env["TRUSTED_PROXIES"] = "127.0.0.1/32"
	m := &matrix{program: start(t, env)}
	m.refusals.SetLimit(20)
	m.admin = m.signIn("admin", testPassword)
	for role, name := range map[int]string{viewer: "viewer", operator: "operator", admin: "admin"} {
		m.addPerson(m.admin, "matrix-"+name, name, matrixPassword)
		m.cookies[role] = m.signIn("matrix-"+name, matrixPassword)
	}
	m.addPerson(m.admin, "matrix-spare", "viewer", matrixPassword)
	for column, level := range map[int]string{overviewKey: "OVERVIEW", technicalKey: "TECHNICAL", adminKey: "ADMIN"} {
		m.keys[column] = m.makeKey(m.admin, "matrix "+level, level)
	}
	for column, id := range map[int]string{ownDevice: "matrix-own", otherDevice: "matrix-other", suspendedDevice: "matrix-suspended", removedDevice: "matrix-removed"} {
		m.want(201, "POST", "/api/devices/"+id, "")
		m.keys[column] = m.device(id).Token
	}
	m.want(201, "POST", "/api/devices/matrix-virtual", "")
	m.as(303, m.admin, "POST", "/devices/matrix-suspended/suspend", "")
	m.want(204, "DELETE", "/api/devices/matrix-removed", "")
	m.cookies[signedOut] = m.signIn("matrix-admin", matrixPassword)
	m.as(303, m.cookies[signedOut], "POST", "/logout", "")
	m.keys[revokedKey] = m.makeKey(m.admin, "revoked", "ADMIN")
	m.revokeNewestKey(m.admin)
	m.keys[expiredKey] = m.expiredKey("expired")
	m.until("the expired key is listed", func() bool { return strings.Contains(m.as(200, m.admin, "GET", "/keys", "").Body, "expired") })
	m.keys[enrolmentKey] = m.makeEnrolmentKey(m.admin, "matrix", 5)
	return m
}

// expiredKey makes an ADMIN key whose time ran out an hour ago, as if it had been made a day before.
func (m *matrix) expiredKey(name string) (key string) {
	m.t.Helper()
	secret, err := loadSecrets(m.config)
	if err != nil {
		m.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(m.t.Context())
	defer stop()
	err = withDatabase(ctx, m.config, func(db *influx.DB) error {
		go db.Run(ctx) //nolint:errcheck // WaitReady tells what is wrong
		if err := db.WaitReady(ctx); err != nil {
			return err
		}
		kept := ledger.New(ledger.Options{Store: db})
		if err := kept.Refresh(ctx); err != nil {
			return err
		}
		now := time.Now()
		directory, err := people.NewDirectory(people.Options{Ledger: kept, Secret: secret.people, Clock: func() time.Time { return now.Add(-24 * time.Hour) }})
		if err != nil {
			return err
		}
		_, key, err = directory.MakeKey(ctx, "admin", name, people.Administer, now.Add(-time.Hour))
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return key
}

func (m *matrix) name() string {
	m.fresh++
	return fmt.Sprintf("matrix-%d", m.fresh)
}

func (m *matrix) freshDevice() string {
	id := m.name()
	m.want(201, "POST", "/api/devices/"+id, "")
	return id
}

// freshSession gives the person whose turn it is a session for the next request, which ends it.
func (m *matrix) freshSession() {
	if m.present >= viewer && m.present <= admin {
		m.once = m.signIn("matrix-"+principalNames[m.present], matrixPassword)
	}
}
