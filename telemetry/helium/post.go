package helium

import (
	"context"
	"fmt"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// writeLimit is how long a write may take.
const writeLimit = 30 * time.Second

// Post writes a point of an owner, and gives it as it will be read. Errors: *ParameterError, ErrFull, and those of
// telemetry.Intake and of the store.
func (t *Timeseries) Post(ctx context.Context, owner devices.ID, p NewPoint) (Point, error) {
	if problem := checkPort(p.Port); problem != "" {
		return Point{}, &ParameterError{portMember, problem}
	}
	value, problem := compact(p.Value)
	if problem != "" {
		return Point{}, &ParameterError{valueMember, problem}
	}
	s := t.lines[stripeOf(owner)]
	if err := s.take(ctx); err != nil {
		return Point{}, err
	}
	defer s.release()

	now := t.clock()
	if problem := checkTimestamp(p.Timestamp, now); problem != "" {
		return Point{}, &ParameterError{timestampMember, problem}
	}
	if err := t.admitPort(ctx, owner, p.Port); err != nil {
		return Point{}, err
	}
	var at, created int64
	var err error
	if p.Timestamp.IsZero() {
		at, created = s.fresh(now, t.lane)
	} else if at, created, err = t.place(ctx, s, owner, p.Timestamp, now); err != nil {
		return Point{}, err
	}
	// A write that its client gives up is brought to its end: the turn may pass on only when it is known whether the
	// slot is taken.
	settled, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeLimit)
	defer cancel()
	if err := t.write(settled, owner, encode(p.Port, split(value), created, at)); err != nil {
		return Point{}, err
	}
	t.ports.add(owner, p.Port)
	point := Point{
		ID: PointID(owner, p.Port, at), Owner: owner, Port: p.Port, Value: value,
		Timestamp: pointTime(at), Created: time.UnixMicro(created).UTC(),
	}
	t.live.publish(point)
	return point, nil
}

// write hands a line to the one write path.
func (t *Timeseries) write(ctx context.Context, owner devices.ID, line []byte) (err error) {
	if owner == telemetry.OrganizationClient {
		_, err = t.intake.ForOrganization(ctx, line, telemetry.Nanoseconds, true)
	} else {
		_, err = t.intake.ForDevice(ctx, owner, line, telemetry.Nanoseconds)
	}
	return err
}

// admitPort holds an owner to its number of ports: each is a series of the database's index. Call it with the turn of
// the owner.
func (t *Timeseries) admitPort(ctx context.Context, owner devices.ID, port string) error {
	if t.ports.has(owner, port) {
		return nil
	}
	names, err := t.store.HeliumPorts(ctx, owner)
	if err != nil {
		return err
	}
	t.ports.set(owner, names)
	if !t.ports.has(owner, port) && len(names) >= MaxPorts {
		return &ParameterError{portMember, fmt.Sprintf("would be one more than the %d ports that a sensor can have", MaxPorts)}
	}
	return nil
}
