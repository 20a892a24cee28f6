package telemetry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"iotcenter/devices"
)

// written is a write that fakeIntake got.
type written struct {
	token, lines string // token "" is the app's own
	precision    Precision
}

// fakeIntake is a database and the tokens of its devices.
type fakeIntake struct {
	*Intake
	writes  []written
	good    string // the token that the database takes; "" for any
	err     error  // of every write
	tokens  []string
	asked   []bool // fresh, of every question for a token
	told    []string
	refusal error
}

func newIntake() *fakeIntake {
	f := &fakeIntake{}
	f.Intake = &Intake{
		Writer: f, Tokens: f, Clock: func() time.Time { return testNow },
		Allow: func(id devices.ID, points int) error {
			f.told = append(f.told, fmt.Sprintf("may %q write %d", id, points))
			return f.refusal
		},
		Wrote: func(id devices.ID, points int) { f.told = append(f.told, fmt.Sprintf("%q wrote %d", id, points)) },
	}
	return f
}

func (f *fakeIntake) WriteLines(_ context.Context, token string, lines []byte, precision Precision) error {
	f.writes = append(f.writes, written{token, string(lines), precision})
	if f.good != "" && token != f.good {
		return &WriteError{Status: 401, Message: "unauthorized access", Kind: ErrUnauthorized}
	}
	return f.err
}

func (f *fakeIntake) WriteOwn(_ context.Context, lines []byte, precision Precision) error {
	f.writes = append(f.writes, written{"", string(lines), precision})
	return f.err
}

func (f *fakeIntake) WriteToken(_ context.Context, id devices.ID, fresh bool) (string, error) {
	f.asked = append(f.asked, fresh)
	if len(f.tokens) == 0 {
		return "", devices.ErrSuspended
	}
	token := f.tokens[0]
	f.tokens = f.tokens[1:]
	return token, nil
}

// expect checks what happened.
func (f *fakeIntake) expect(t *testing.T, writes []written, asked []bool, told ...string) {
	t.Helper()
	if !slices.Equal(f.writes, writes) {
		t.Errorf("written: %q\nwant %q", f.writes, writes)
	}
	if !slices.Equal(f.asked, asked) {
		t.Errorf("asked for tokens (fresh): %v, want %v", f.asked, asked)
	}
	if !slices.Equal(f.told, told) {
		t.Errorf("told: %q\nwant %q", f.told, told)
	}
}

func points(t *testing.T, n int, err error, want int) {
	t.Helper()
	if err != nil || n != want {
		t.Errorf("%d points, %v; want %d", n, err, want)
	}
}

func TestIntakeWritesWhatADeviceSentWithItsToken(t *testing.T) {
	f := newIntake()
	n, err := f.FromDevice(t.Context(), dev, "tok", []byte("m f=1 5\n# c\nm f=2 6"), Seconds)
	points(t, n, err, 2)
	f.expect(t, []written{{"tok", "m,clientId=dev1 f=1 5\nm,clientId=dev1 f=2 6\n", Seconds}}, nil, `may "dev1" write 2`, `"dev1" wrote 2`)
}

func TestIntakeWritesForADeviceWithItsToken(t *testing.T) {
	f := newIntake()
	f.tokens = []string{"tok"}
	n, err := f.ForDevice(t.Context(), dev, []byte("m f=1"), Nanoseconds)
	points(t, n, err, 1)
	f.expect(t, []written{{"tok", "m,clientId=dev1 f=1\n", Nanoseconds}}, []bool{false}, `may "dev1" write 1`, `"dev1" wrote 1`)
}

func TestIntakeFetchesARefusedTokenOnceAnew(t *testing.T) {
	const line = "m,clientId=dev1 f=1\n"
	f := newIntake()
	f.tokens, f.good = []string{"old", "new"}, "new"
	n, err := f.ForDevice(t.Context(), dev, []byte("m f=1"), Nanoseconds)
	points(t, n, err, 1)
	f.expect(t, []written{{"old", line, Nanoseconds}, {"new", line, Nanoseconds}}, []bool{false, true}, `may "dev1" write 1`, `"dev1" wrote 1`)

	f = newIntake()
	f.tokens, f.good = []string{"old", "older", "new"}, "new"
	if n, err := f.ForDevice(t.Context(), dev, []byte("m f=1"), Nanoseconds); n != 0 || !errors.Is(err, ErrUnauthorized) {
		t.Errorf("refused twice: %d, %v", n, err)
	}
	f.expect(t, []written{{"old", line, Nanoseconds}, {"older", line, Nanoseconds}}, []bool{false, true}, `may "dev1" write 1`)

	f = newIntake()
	f.tokens, f.good = []string{"old"}, "new"
	if n, err := f.ForDevice(t.Context(), dev, []byte("m f=1"), Nanoseconds); n != 0 || !errors.Is(err, devices.ErrSuspended) {
		t.Errorf("suspended meanwhile: %d, %v", n, err)
	}
	f.expect(t, []written{{"old", line, Nanoseconds}}, []bool{false, true}, `may "dev1" write 1`)

	// A device's own token is what it showed: nobody fetches another one for it.
	f = newIntake()
	f.good = "new"
	if n, err := f.FromDevice(t.Context(), dev, "old", []byte("m f=1"), Nanoseconds); n != 0 || !errors.Is(err, ErrUnauthorized) {
		t.Errorf("the device's own: %d, %v", n, err)
	}
	f.expect(t, []written{{"old", line, Nanoseconds}}, nil, `may "dev1" write 1`)
}

func TestIntakeWritesForTheOrganization(t *testing.T) {
	for _, c := range []struct {
		name, body string
		own        bool
		lines, id  string
		err        error
	}{
		{"its own", "m,port=t f=1", true, "m,clientId=_organization,port=t f=1\n", "_organization", nil},
		{"of no device", "m,product_imei=7 f=1", false, "m,product_imei=7 f=1\n", "", nil},
		{"its own, and says so", "m,clientId=_organization f=1", true, "m,clientId=_organization f=1\n", "_organization", nil},
		{"its own, and names a device", "m,clientId=dev1 f=1", true, "", "", ErrForeignTag},
		{"its own, and names a product", "m,product_imei=7 f=1", true, "", "", ErrForeignTag},
		{"of no device, and names one", "m,clientId=dev1 f=1", false, "", "", ErrForeignTag},
		{"of no device, and names the organisation", "m,clientId=_organization f=1", false, "", "", ErrForeignTag},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newIntake()
			n, err := f.ForOrganization(t.Context(), []byte(c.body), Milliseconds, c.own)
			if c.err != nil {
				if n != 0 || !errors.Is(err, c.err) {
					t.Errorf("%d, %v", n, err)
				}
				f.expect(t, nil, nil)
				return
			}
			points(t, n, err, 1)
			f.expect(t, []written{{"", c.lines, Milliseconds}}, nil, fmt.Sprintf("may %q write 1", c.id), fmt.Sprintf("%q wrote 1", c.id))
		})
	}
}

// No device can be registered under the organisation's id.
func TestTheOrganizationIsNoDevice(t *testing.T) {
	if id, err := devices.ParseID(string(OrganizationClient)); err == nil {
		t.Errorf("%q is a device id", id)
	}
}

// doors are the ways into an Intake.
func doors(f *fakeIntake, ctx context.Context, body string) map[string]func() (int, error) {
	return map[string]func() (int, error){
		"FromDevice":      func() (int, error) { return f.FromDevice(ctx, dev, "tok", []byte(body), Nanoseconds) },
		"ForDevice":       func() (int, error) { return f.ForDevice(ctx, dev, []byte(body), Nanoseconds) },
		"ForOrganization": func() (int, error) { return f.ForOrganization(ctx, []byte(body), Nanoseconds, true) },
	}
}

func TestIntakeAllowsBeforeAnythingIsWritten(t *testing.T) {
	errFull := errors.New("too many points")
	for name, id := range map[string]devices.ID{"FromDevice": dev, "ForDevice": dev, "ForOrganization": OrganizationClient} {
		f := newIntake()
		f.tokens, f.refusal = []string{"tok"}, errFull
		if n, err := doors(f, t.Context(), "m f=1\nm f=2")[name](); n != 0 || !errors.Is(err, errFull) {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		f.expect(t, nil, nil, fmt.Sprintf("may %q write 2", id))
	}
}

func TestIntakeWritesNothingOfABadBody(t *testing.T) {
	future := fmt.Sprintf("m f=1\nm f=1 %d", testNow.Add(FutureLimit+1).UnixNano())
	for body, kind := range map[string]error{
		"m f=1\nm f=": ErrMalformed, "m f=1\nm,clientId=dev2 f=1": ErrForeignTag, future: ErrRejected,
		"telemetry current=1\ntelemetry current=1i": ErrRejected,
	} {
		for _, name := range []string{"FromDevice", "ForDevice", "ForOrganization"} {
			f := newIntake()
			f.tokens = []string{"tok"}
			if n, err := doors(f, t.Context(), body)[name](); n != 0 || !errors.Is(err, kind) {
				t.Errorf("%s of %q: %d, %v", name, body, n, err)
			}
			f.expect(t, nil, nil)
		}
	}
}

func TestIntakeWritesNothingOfAnEmptyBody(t *testing.T) {
	for _, body := range []string{"", "\n\n", "# a comment\n  \r\n"} {
		for _, name := range []string{"FromDevice", "ForDevice", "ForOrganization"} {
			f := newIntake()
			n, err := doors(f, t.Context(), body)[name]()
			points(t, n, err, 0)
			f.expect(t, nil, nil)
		}
	}
}

func TestIntakeTellsOnlyOfWhatIsDurable(t *testing.T) {
	for _, name := range []string{"FromDevice", "ForDevice", "ForOrganization"} {
		f := newIntake()
		f.tokens, f.err = []string{"tok"}, ErrUnavailable
		if n, err := doors(f, t.Context(), "m f=1")[name](); n != 0 || !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		if len(f.writes) != 1 || len(f.told) != 1 || !strings.HasPrefix(f.told[0], "may") {
			t.Errorf("%s: %q, told %q", name, f.writes, f.told)
		}
	}
}

func TestIntakeNeedsNeitherLimitsNorListeners(t *testing.T) {
	f := newIntake()
	f.tokens = []string{"tok"}
	f.Intake = &Intake{Writer: f, Tokens: f}
	n, err := f.ForDevice(t.Context(), dev, []byte("m f=1"), Nanoseconds)
	points(t, n, err, 1)
	if n, err := f.ForDevice(t.Context(), dev, fmt.Appendf(nil, "m f=1 %d", time.Now().Add(2*FutureLimit).UnixNano()), Nanoseconds); n != 0 || !errors.Is(err, ErrRejected) {
		t.Errorf("by the machine's clock: %d, %v", n, err)
	}
}
