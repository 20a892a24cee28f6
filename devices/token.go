package devices

import (
	"context"
	"errors"
	"time"
)

// ErrSuspended: the device is registered, and its authorization is switched off.
var ErrSuspended = errors.New("device suspended")

// RotationDeadline is how long a replaced token goes on working for a device that does not pick up the new one.
const RotationDeadline = 24 * time.Hour

// Rotate mints a new token for a device. The one that it uses now goes on working until the device has used the new
// one, or until the deadline has passed; then it is revoked. Rotating again before that replaces the token that was
// never used. ErrNotFound, ErrSuspended.
func (r *Registry) Rotate(ctx context.Context, id ID) (Device, string, error) {
	panic("not written yet")
}

// Suspend switches the authorizations of a device off without losing them; Resume switches them on again. From the
// call on this process refuses its tokens. Doing it twice is no error. ErrNotFound.
func (r *Registry) Suspend(ctx context.Context, id ID) (Device, error) { panic("not written yet") }

// Resume is the way back from Suspend.
func (r *Registry) Resume(ctx context.Context, id ID) (Device, error) { panic("not written yet") }
