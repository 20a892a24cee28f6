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

// ready is nil when the device can write; the virtual device that pages link to is registered if it is not yet.
func ready(ctx context.Context, r Registry, id devices.ID) error {
	_, _, err := r.Credentials(ctx, id)
	if errors.Is(err, devices.ErrNotFound) && id == devices.VirtualDevice {
		if _, _, err = r.Register(ctx, id); err == nil {
			_, _, err = r.Credentials(ctx, id)
		}
	}
	return err
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
