// Package emulator is virtual devices: their signals, the writing of what is
// missing (backfill) and of live points. They write through the same door as a
// real device: with the device's own token, through telemetry.Intake. Pages
// and the database are left to others.
package emulator

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// Errors of this room.
var (
	// ErrRunning: a backfill of this device is running already.
	ErrRunning = errors.New("a backfill of this device is running")
	// ErrClosed: the program stops, and nothing new is started.
	ErrClosed = errors.New("the emulator is stopping")
)

// The emulator's measures.
const (
	MaxBack = 7 * 24 * time.Hour // how far back a backfill goes at most
	Step    = time.Minute        // between the points of a backfill
	Every   = 10 * time.Second   // between live points
	Batch   = 2000               // points of one write
)

// Registry is what the emulator needs of devices.Registry.
type Registry interface {
	Register(ctx context.Context, id devices.ID) (devices.Device, bool, error)
	Get(ctx context.Context, id devices.ID) (devices.Device, error)
	Credentials(ctx context.Context, id devices.ID) (devices.Device, string, error)
}

// LastReader tells when a device last wrote. telemetry.Reader is one.
type LastReader interface {
	LastEntry(ctx context.Context, id devices.ID, measurement string, since time.Time) (time.Time, error)
}

// RunStore keeps what backfills did.
type RunStore interface {
	// SaveRun keeps a run.
	SaveRun(ctx context.Context, r Run) error
	// Runs gives the newest n runs of a device, newest first.
	Runs(ctx context.Context, id devices.ID, n int) ([]Run, error)
}

// Options is what Backfills and Live work with. Registry and Intake are needed; Backfills needs Last and Runs too.
type Options struct {
	Registry Registry
	Intake   *telemetry.Intake
	Last     LastReader
	Runs     RunStore
	Seed     uint64 // of the signals' random part
	Clock    func() time.Time
	Log      *slog.Logger
}

// State says where a backfill stands.
type State string

// The states of a backfill.
const (
	Running   State = "running"
	Done      State = "done"
	Cancelled State = "cancelled"
	Failed    State = "failed"
)

// Progress is where a backfill stands.
type Progress struct {
	Device         devices.ID
	State          State
	Written, Total int       // points
	From, To       time.Time // the span that is filled; zero until it is known
	Started, Ended time.Time
	Err            string // why it failed, for a person; "" otherwise
	Message        string // the closing sentence; "" while it runs
}

// Run is a backfill that ended.
type Run struct {
	Device  devices.ID
	Started time.Time
	Took    time.Duration
	Written int
	Result  string // "done", "cancelled", "failed"
	Message string
	By      string // who started it
}

// LiveStatus is the state of a device's live switch.
type LiveStatus struct {
	On        bool
	Since     time.Time // when it was switched on
	LastWrite time.Time // of the newest point that was written
	Points    int       // written since it was switched on
	Err       string    // why the last write failed, or why it switched itself off; "" if it worked
}
