package devices

import (
	"log/slog"
	"time"
)

// FleetOptions is what a Fleet works with. Registry and Activity are needed; Clock and Log have defaults.
type FleetOptions struct {
	Registry *Registry
	Activity ActivityStore
	Clock    func() time.Time
	Log      *slog.Logger
}

// Bounds of a Snapshot.
const (
	FleetMinutes = 60 // minutes of Snapshot.Minutes
	FleetEvents  = 8  // events of a Snapshot at most
	FleetLooks   = 5  // rows of Snapshot.NeedsLook at most
)

// Look is a registered device that is late or offline, and so may need someone to look after it.
type Look struct {
	ID    ID
	State State
	Last  time.Time
}

// Snapshot is the fleet at a time. It is shared by all who ask: nobody changes it.
type Snapshot struct {
	At          time.Time        // when it was read; zero if nothing could be read yet
	Total       int              // registered devices
	Counts      map[State]int    // of the registered devices
	Last        map[ID]time.Time // last entries as far as they are known; StateOf judges those without
	Minutes     []int            // points of all devices in each of the last FleetMinutes whole minutes, oldest first
	MinutesStop time.Time        // the end of the last of Minutes
	NeedsLook   []Look           // late and offline devices, the newest entry first; at most FleetLooks of them
	NeedsCount  int              // how many there are
	Events      []Event          // newest first: what was done to devices, and devices that fell silent

	ever      map[ID]struct{} // devices whose last entry lies before the window that is read, but that have one
	suspended map[ID]struct{}
}
