package emulator

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// How a try is repeated while the database cannot be reached.
const (
	tries      = 6
	firstPause = 500 * time.Millisecond
	longPause  = 8 * time.Second
)

// credentials gives a device's token; the virtual device that pages link to is registered if it is not yet.
func credentials(ctx context.Context, r Registry, id devices.ID) (token string, err error) {
	_, token, err = r.Credentials(ctx, id)
	if errors.Is(err, devices.ErrNotFound) && id == devices.VirtualDevice {
		if _, _, err = r.Register(ctx, id); err == nil {
			_, token, err = r.Credentials(ctx, id)
		}
	}
	return token, err
}

// persist runs do until it works, fails for good, or was tried often enough.
func persist(ctx context.Context, do func() error) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := do()
		if err == nil || try == tries || !errors.Is(err, devices.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		wait := pause/2 + rand.N(pause/2)
		if asked := (*telemetry.WriteError)(nil); errors.As(err, &asked) {
			wait = max(wait, min(asked.RetryAfter, longPause))
		}
		pause = min(2*pause, longPause)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// writer writes as one device: with its token, and a new one when the token is refused.
type writer struct {
	Options
	id    devices.ID
	token string
}

// write tries once.
func (w *writer) write(ctx context.Context, lines []byte) (err error) {
	fresh := w.token == ""
	for {
		if w.token == "" {
			// Not by the function above: a device that was removed meanwhile stays removed.
			if _, w.token, err = w.Registry.Credentials(ctx, w.id); err != nil {
				return err
			}
		}
		err = w.Writer.WriteLines(ctx, w.token, lines, precision)
		if err == nil && w.Wrote != nil {
			w.Wrote(w.id)
		}
		if !errors.Is(err, telemetry.ErrUnauthorized) || fresh {
			return err
		}
		w.token, fresh = "", true // it was revoked; perhaps there is a new one
	}
}

// reason says in words for a person why something failed. Only words of the database about the points themselves
// are passed on.
func reason(err error) string {
	var write *telemetry.WriteError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, devices.ErrNotFound):
		return "The device is not registered."
	case errors.Is(err, devices.ErrWrongKey):
		return "The device's token was sealed with another SECRET_KEY."
	case errors.Is(err, devices.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return "The database cannot be reached."
	case errors.Is(err, telemetry.ErrUnauthorized):
		return "The database refuses the device's token."
	case errors.Is(err, context.Canceled):
		return "It was stopped."
	case errors.As(err, &write) && write.Message != "":
		return "The database refuses the points: " + write.Message
	default:
		return "It failed; the log says why."
	}
}
