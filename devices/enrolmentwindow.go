package devices

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"iotcenter/ledger"
)

// Window is the time in which unknown devices enrol by asking.
type Window struct {
	Until time.Time // zero, or past: closed
	By    string
}

// LongestWindow is how long a window can be open.
const LongestWindow = time.Hour

// windowID is the id of the one window in the ledger.
const windowID = "window"

// windowBody is the window in the ledger; the entry's Until is the window's.
type windowBody struct {
	By string `json:"by"`
}

// Window gives the window as it is known here; it asks nobody. A closed one is the zero Window.
func (e *Enrolment) Window() Window {
	entry, ok := e.Ledger.Get(kindWindow, windowID)
	if !ok || !e.Clock().Before(entry.Until) {
		return Window{}
	}
	var body windowBody
	if err := json.Unmarshal(entry.Body, &body); err != nil {
		return Window{} // what cannot be read opens nothing
	}
	return Window{Until: entry.Until, By: body.By}
}

// Open opens the window for a while, at most LongestWindow; Shut closes it. Opening an open one sets its end anew, and
// opening it for no time at all shuts it.
func (e *Enrolment) Open(ctx context.Context, by string, d time.Duration) error {
	if d <= 0 {
		return e.Shut(ctx)
	}
	body, err := json.Marshal(windowBody{by})
	if err != nil {
		return fmt.Errorf("writing the window: %w", err)
	}
	until := e.Clock().UTC().Round(0).Add(min(d, LongestWindow))
	return e.Ledger.Put(ctx, ledger.Entry{Kind: kindWindow, ID: windowID, Until: until, Body: body})
}

// Shut closes the window.
func (e *Enrolment) Shut(ctx context.Context) error {
	return e.Ledger.Delete(ctx, kindWindow, windowID)
}
