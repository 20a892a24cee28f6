package telemetry

import (
	"context"
	"errors"
	"time"

	"iotcenter/devices"
)

// OrganizationClient is the clientId of points that belong to the organisation and to no device. No device can have it:
// a device id starts with a letter or a digit.
const OrganizationClient devices.ID = "_organization"

// Tokens gives the token that a device's points are written with. devices.Registry is one.
type Tokens interface {
	// WriteToken gives the token of a registered device. fresh passes over what is remembered, because the database has
	// just refused it. Errors: devices.ErrNotFound, devices.ErrSuspended, devices.ErrWrongKey, ErrUnavailable.
	WriteToken(ctx context.Context, id devices.ID, fresh bool) (string, error)
}

// Intake is the one way by which points reach the data bucket, whatever dialect they came in: the fence around their
// device, the limits, the database, and then those who want to know. It is safe for concurrent use.
type Intake struct {
	Writer Writer
	Tokens Tokens                                // needed by ForDevice
	Clock  func() time.Time                      // optional: time.Now
	Allow  func(id devices.ID, points int) error // optional: asked when the points are known to be in order
	Wrote  func(id devices.ID, points int)       // optional: told of points that are durable
}

// FromDevice writes what a device sent, with the token that it showed. It returns the number of points. Errors: those
// of FenceAt, of Allow and of Writer; nothing is written when the fence or Allow refuse.
func (in *Intake) FromDevice(ctx context.Context, id devices.ID, token string, body []byte, precision Precision) (int, error) {
	lines, points, err := in.admit(id, body, precision, FenceAt)
	if err != nil || points == 0 {
		return 0, err
	}
	if err := in.Writer.WriteLines(ctx, token, lines, precision); err != nil {
		return 0, err
	}
	in.wrote(id, points)
	return points, nil
}

// ForDevice writes on behalf of a device, with its token; one that the database refuses is fetched again once. Errors
// as of FromDevice, and those of Tokens.
func (in *Intake) ForDevice(ctx context.Context, id devices.ID, body []byte, precision Precision) (int, error) {
	lines, points, err := in.admit(id, body, precision, fenceDialect)
	if err != nil || points == 0 {
		return 0, err
	}
	for fresh := false; ; fresh = true {
		token, err := in.Tokens.WriteToken(ctx, id, fresh)
		if err != nil {
			return 0, err
		}
		err = in.Writer.WriteLines(ctx, token, lines, precision)
		if err == nil {
			in.wrote(id, points)
			return points, nil
		}
		if fresh || !errors.Is(err, ErrUnauthorized) {
			return 0, err
		}
	}
}

// ForOrganization writes points that no registered device owns, with the app's own token. Lines that name a device in
// clientId are refused; own adds the organisation's clientId to them, as its time series has it.
func (in *Intake) ForOrganization(ctx context.Context, body []byte, precision Precision, own bool) (int, error) {
	id := OrganizationClient
	if !own {
		id = ""
	}
	lines, points, err := in.admit(id, body, precision, fenceDialect)
	if err != nil || points == 0 {
		return 0, err
	}
	if err := in.Writer.WriteOwn(ctx, lines, precision); err != nil {
		return 0, err
	}
	in.wrote(id, points)
	return points, nil
}

// admit checks a body.
func (in *Intake) admit(id devices.ID, body []byte, precision Precision, fence fencing) (lines []byte, points int, err error) {
	now := time.Now
	if in.Clock != nil {
		now = in.Clock
	}
	if lines, points, err = fence(body, id, precision, now()); err != nil || points == 0 {
		return nil, 0, err
	}
	if in.Allow != nil {
		if err := in.Allow(id, points); err != nil {
			return nil, 0, err
		}
	}
	return lines, points, nil
}

// fencing is FenceAt, or what the app's own dialects are held to.
type fencing func(body []byte, id devices.ID, precision Precision, now time.Time) (lines []byte, points int, err error)

func (in *Intake) wrote(id devices.ID, points int) {
	if in.Wrote != nil {
		in.Wrote(id, points)
	}
}
