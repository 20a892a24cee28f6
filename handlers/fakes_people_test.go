package handlers

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"iotcenter/devices"
	"iotcenter/ledger"
	"iotcenter/people"
)

// The person whom the tests' proxy vouches for, unless a test says otherwise. It spares each test a password's hash.
const (
	personHeader = "X-Test-Person"
	testAdmin    = "test-admin"
	testOperator = "test-operator"
	testViewer   = "test-viewer"
)

// testProxies are the addresses that requests of httptest come from: those that it makes up, and those to its servers.
var testProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("127.0.0.1/32")}

// addMembers adds the parts that know who may do what, over the same memory.
func addMembers(t *testing.T, o *Options, db *memory, sealer *devices.Sealer) {
	t.Helper()
	shared := ledger.New(ledger.Options{Store: db, Clock: db.clock})
	if err := shared.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	directory, err := people.NewDirectory(people.Options{Ledger: shared, Uses: db, Secret: testPeopleSecret, EnvKey: testAPIKey, Clock: db.clock})
	if err != nil {
		t.Fatal(err)
	}
	for name, role := range map[string]people.Role{testAdmin: people.Admin, testOperator: people.Operator, testViewer: people.Viewer} {
		if _, err := directory.AddAccount(t.Context(), "the test", name, role, "", true); err != nil {
			t.Fatal(err)
		}
	}
	o.People = directory
	o.Profiles = devices.NewProfiles(shared, db.clock)
	o.Audit = people.NewAudit(people.AuditOptions{Store: db, Clock: db.clock})
	o.Enrolment = devices.NewEnrolment(devices.EnrolmentOptions{Registry: o.Registry, Ledger: shared, Inbox: db, Sealer: sealer, Clock: db.clock})
	o.AuthProxyHeader, o.TrustedProxies = personHeader, testProxies
}

const testAPIKey = "test-api-key-0123456789-0123456789-0123456789"

var testPeopleSecret = []byte(strings.Repeat("p", 32))

func (m *memory) PutEntries(_ context.Context, entries []ledger.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.storeErr != nil {
		return m.storeErr
	}
	m.documents = append(m.documents, entries...)
	return nil
}

func (m *memory) EntriesSince(_ context.Context, _ time.Time, fn func(ledger.Entry) error) error {
	m.mu.Lock()
	entries, err := append([]ledger.Entry(nil), m.documents...), m.storeErr
	m.mu.Unlock()
	for _, e := range entries {
		if err := fn(e); err != nil {
			return err
		}
	}
	return err
}

func (m *memory) PutEvents(_ context.Context, events []people.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.storeErr != nil {
		return m.storeErr
	}
	m.audited = append(m.audited, events...)
	return nil
}

func (m *memory) Events(_ context.Context, f people.EventFilter, fn func(people.Event) error) error {
	m.mu.Lock()
	events, err := append([]people.Event(nil), m.audited...), m.storeErr
	m.mu.Unlock()
	slices.SortStableFunc(events, func(a, b people.Event) int { return a.At.Compare(b.At) })
	given := 0
	for _, e := range slices.Backward(events) {
		if err != nil || f.Limit > 0 && given == f.Limit {
			return err
		}
		if matches(f, e) {
			given++
			err = fn(e)
		}
	}
	return err
}

// matches tells whether a filter of the audit log lets an event pass.
func matches(f people.EventFilter, e people.Event) bool {
	is := func(wanted, got string) bool { return wanted == "" || wanted == got }
	return is(f.Actor, e.Actor) && is(f.Action, e.Action) && is(f.Target, e.Target) && is(f.Result, e.Result) &&
		!e.At.Before(f.From) && (f.To.IsZero() || e.At.Before(f.To))
}

// PutUses keeps last uses, of devices' tokens and of keys.
func (m *memory) PutUses(_ context.Context, kind string, uses map[string]time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.storeErr != nil {
		return m.storeErr
	}
	if m.uses[kind] == nil {
		m.uses[kind] = map[string]time.Time{}
	}
	for id, at := range uses {
		if at.After(m.uses[kind][id]) {
			m.uses[kind][id] = at
		}
	}
	return nil
}

func (m *memory) Uses(_ context.Context, kind string) (map[string]time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.uses[kind]), m.storeErr
}

func (m *memory) PutApplicants(_ context.Context, places map[int]devices.Applicant) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, a := range places {
		m.applicants[i] = a
	}
	return m.storeErr
}

func (m *memory) Applicants(context.Context) (map[int]devices.Applicant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[int]devices.Applicant{}
	for i, a := range m.applicants {
		if a.ID != "" {
			out[i] = a
		}
	}
	return out, m.storeErr
}

// SetActive switches an authorization on or off.
func (m *memory) SetActive(_ context.Context, key string, active bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inactive[key] = !active
	return m.storeErr
}
