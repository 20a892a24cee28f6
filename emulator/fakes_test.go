package emulator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = fmt.Errorf("no answer: %w", devices.ErrUnavailable)

// fakeRegistry knows the devices' tokens.
type fakeRegistry struct {
	mu         sync.Mutex
	tokens     map[devices.ID]string
	registered []devices.ID // by Register
	remembered map[devices.ID]string
	err        error
}

func (r *fakeRegistry) set(id devices.ID, token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tokens[id] = token; token == "" {
		delete(r.tokens, id)
	}
}

func (r *fakeRegistry) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *fakeRegistry) Register(_ context.Context, id devices.ID) (devices.Device, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return devices.Device{}, false, r.err
	}
	r.registered = append(r.registered, id)
	r.tokens[id] = "token-of-" + string(id)
	return devices.Device{ID: id}, true, nil
}

func (r *fakeRegistry) Get(ctx context.Context, id devices.ID) (devices.Device, error) {
	d, _, err := r.Credentials(ctx, id)
	return d, err
}

func (r *fakeRegistry) WriteToken(ctx context.Context, id devices.ID, fresh bool) (string, error) {
	r.mu.Lock()
	token := r.remembered[id]
	r.mu.Unlock()
	if token != "" && !fresh {
		return token, nil
	}
	_, token, err := r.Credentials(ctx, id)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remembered[id] = token
	return token, err
}

func (r *fakeRegistry) Credentials(_ context.Context, id devices.ID) (devices.Device, string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return devices.Device{}, "", r.err
	}
	token, known := r.tokens[id]
	if !known {
		return devices.Device{}, "", devices.ErrNotFound
	}
	return devices.Device{ID: id}, token, nil
}

// fakeDatabase keeps points, and refuses those that a device's own token could not write.
type fakeDatabase struct {
	registry *fakeRegistry

	mu      sync.Mutex
	points  map[devices.ID][]time.Time // as they were written
	sizes   []int                      // points of each write that worked
	lines   []string                   // of the newest write that worked
	tried   []time.Time                // when writes were tried
	lastErr error                      // of LastEntry
	// before runs before each write, with its number from 1; its error is that of the write.
	before func(ctx context.Context, write int) error
}

func (db *fakeDatabase) WriteLines(ctx context.Context, token string, lines []byte, p telemetry.Precision) error {
	db.mu.Lock()
	db.tried = append(db.tried, time.Now())
	before, write := db.before, len(db.tried)
	db.mu.Unlock()
	if before != nil {
		if err := before(ctx, write); err != nil {
			return err
		}
	}
	var id devices.ID
	db.registry.mu.Lock()
	for one, its := range db.registry.tokens {
		if its == token {
			id = one
		}
	}
	db.registry.mu.Unlock()
	if id == "" {
		return &telemetry.WriteError{Status: 401, Message: "unauthorized access", Kind: telemetry.ErrUnauthorized}
	}
	fenced, n, err := telemetry.FenceAt(lines, id, p, time.Now())
	if err != nil {
		return err
	}
	if string(fenced) != string(lines) {
		return fmt.Errorf("%w: the fence had something to do", telemetry.ErrMalformed)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.lines = strings.Split(strings.TrimSuffix(string(lines), "\n"), "\n")
	for _, line := range db.lines {
		unix, err := strconv.ParseInt(line[strings.LastIndexByte(line, ' ')+1:], 10, 64)
		if err != nil {
			return fmt.Errorf("%w: %w", telemetry.ErrMalformed, err)
		}
		db.points[id] = append(db.points[id], time.Unix(unix, 0).UTC())
	}
	db.sizes = append(db.sizes, n)
	return nil
}

func (db *fakeDatabase) LastEntry(_ context.Context, id devices.ID, measurement string, since time.Time) (last time.Time, err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if measurement != telemetry.Environment {
		return last, fmt.Errorf("who writes to %q", measurement)
	}
	for _, at := range db.points[id] {
		if !at.Before(since) && at.After(last) {
			last = at
		}
	}
	return last, db.lastErr
}

func (db *fakeDatabase) onWrite(before func(ctx context.Context, write int) error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.before = before
}

func (db *fakeDatabase) count(id devices.ID) int {
	db.mu.Lock()
	defer db.mu.Unlock()
	return len(db.points[id])
}

func (db *fakeDatabase) writes() []int {
	db.mu.Lock()
	defer db.mu.Unlock()
	return slices.Clone(db.sizes)
}

func (db *fakeDatabase) tries() int {
	db.mu.Lock()
	defer db.mu.Unlock()
	return len(db.tried)
}

// checkMinutes says that a device has a point in each minute of a span, and no minute twice.
func (db *fakeDatabase) checkMinutes(t *testing.T, id devices.ID, from, to time.Time) {
	t.Helper()
	db.mu.Lock()
	defer db.mu.Unlock()
	got := make(map[time.Time]int)
	for _, at := range db.points[id] {
		got[at]++
	}
	for at := from; !at.After(to); at = at.Add(time.Minute) {
		if got[at] != 1 {
			t.Fatalf("%d points at %v", got[at], at)
		}
		delete(got, at)
	}
	if len(got) != 0 {
		t.Fatalf("beyond %v to %v: %v", from, to, slices.Collect(maps.Keys(got)))
	}
}

// fakeRuns is a RunStore in memory.
type fakeRuns struct {
	mu   sync.Mutex
	runs []Run
	err  error
}

func (s *fakeRuns) SaveRun(ctx context.Context, r Run) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(ctx.Err(), s.err); err != nil {
		return err
	}
	s.runs = append(s.runs, r)
	return nil
}

func (s *fakeRuns) Runs(_ context.Context, id devices.ID, n int) ([]Run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Run
	for _, r := range slices.Backward(s.runs) {
		if r.Device == id && len(out) < n {
			out = append(out, r)
		}
	}
	return out, s.err
}

// world is what an emulator works with. Its clock is that of the bubble, half a minute past a full one.
type world struct {
	registry *fakeRegistry
	db       *fakeDatabase
	runs     *fakeRuns
}

func newWorld() *world {
	r := &fakeRegistry{remembered: map[devices.ID]string{}, tokens: map[devices.ID]string{"dev1": "token-of-dev1", "dev2": "token-of-dev2"}}
	return &world{r, &fakeDatabase{registry: r, points: make(map[devices.ID][]time.Time)}, &fakeRuns{}}
}

func (w *world) options() Options {
	return Options{Registry: w.registry, Intake: &telemetry.Intake{Writer: w.db, Tokens: w.registry}, Last: w.db, Runs: w.runs, Seed: 7}
}

// inBubble runs a test with a clock of its own.
func inBubble(t *testing.T, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * time.Second)
		test(t, newWorld())
	})
}

// WriteOwn is never called: the emulator writes as devices.
func (d *fakeDatabase) WriteOwn(context.Context, []byte, telemetry.Precision) error {
	panic("the emulator wrote with the app's own token")
}
