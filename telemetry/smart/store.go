package smart

import (
	"context"
	"errors"
	"io"
	"math"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// Store writes batches and reads rows. Make one with NewStore; it is safe for concurrent use.
type Store struct {
	options StoreOptions
	kinds   kindCache
	most    int64 // bytes of an answer
}

// StoreOptions is what a Store works with.
type StoreOptions struct {
	Intake *telemetry.Intake
	Rows   telemetry.RowReader
	Clock  func() time.Time
	// Retention tells how long the data bucket keeps points; 0 is for ever. Optional. The database would drop the older
	// points of a batch and store the others.
	Retention func() time.Duration
	// Spool makes the place for what an answer holds beyond memory: a temporary file. The store closes it.
	Spool func() (SpoolFile, error)
}

// SpoolFile is a temporary file that is gone once it is closed.
type SpoolFile interface {
	io.WriterAt
	io.ReaderAt
	io.Closer
}

// NewStore makes a store.
func NewStore(o StoreOptions) *Store { return &Store{options: o, most: maxAnswer} }

// Write writes a batch, all of it or nothing. device is the product that the route names, or the registered device that
// the batch's product_imei names; "" for none of them. It returns the number of data points. Errors: *BadRequestError,
// and those of telemetry.Intake and of telemetry.RowReader.
//
// The type of a field is that of the schema, else the one that it has in the database, else float, boolean or string.
// Another program can give a field a type in between; the database refuses the batch then, and the types are read anew
// and the batch is written once more.
func (s *Store) Write(ctx context.Context, device devices.ID, b *Batch) (int, error) {
	now := s.options.Clock()
	imei, err := s.check(device, b, now)
	if err != nil {
		return 0, err
	}
	schemed, whole, err := scheme(b)
	if err != nil {
		return 0, err
	}
	kinds := schemed
	if !whole {
		if kinds, err = s.decide(ctx, b, schemed, now); err != nil {
			return 0, err
		}
	}
	err = s.send(ctx, device, b, imei, kinds)
	if !whole && errors.Is(err, telemetry.ErrRejected) {
		existing, failed := s.kinds.get(ctx, s.options.Rows, b.Measurement, now, 0)
		if failed != nil {
			return 0, failed
		}
		if kinds, err = decide(b, schemed, existing, true); err == nil {
			err = s.send(ctx, device, b, imei, kinds)
		}
	}
	if err != nil {
		return 0, err
	}
	return b.Pairs(), nil
}

// check holds a batch to what its own text cannot tell: the route and the clock. It gives the product_imei of the points.
func (s *Store) check(device devices.ID, b *Batch, now time.Time) (imei string, err error) {
	imei = b.IMEI
	if device != "" {
		switch {
		case !IMEI(device):
			return "", bad("the device " + shown(string(device)) + " is no product: its id cannot be a product_imei")
		case imei != "" && imei != string(device):
			return "", &BadRequestError{"tags." + imeiTag, "it names " + shown(imei) + ", and the address names " + shown(string(device))}
		}
		imei = string(device)
	}
	latest, oldest := now.Add(telemetry.FutureLimit).UnixNano(), s.oldest(now)
	for _, f := range b.Fields {
		for i := range f.Pairs {
			switch at := f.Pairs[i].At; {
			case at > latest:
				return "", &BadRequestError{pairPlace(f.Name, i), "the time is more than a day in the future; is the clock right, and the unit?"}
			case at < oldest:
				return "", &BadRequestError{pairPlace(f.Name, i), "the time is longer ago than the data bucket keeps points"}
			}
		}
	}
	return imei, nil
}

// agesWhileWritten is by how much a point may grow older before the database looks at it.
const agesWhileWritten = time.Minute

// oldest is the first time that the data bucket keeps, in Unix nanoseconds.
func (s *Store) oldest(now time.Time) int64 {
	if s.options.Retention == nil {
		return math.MinInt64
	}
	kept := s.options.Retention()
	if kept == 0 {
		return math.MinInt64
	}
	return now.Add(agesWhileWritten - kept).UnixNano()
}

// decide chooses the types by what is remembered of the database. A refusal is not left to an old memory.
func (s *Store) decide(ctx context.Context, b *Batch, schemed []telemetry.FieldKind, now time.Time) ([]telemetry.FieldKind, error) {
	var refused error
	for _, age := range []time.Duration{kindsAge, kindsFresh} {
		existing, err := s.kinds.get(ctx, s.options.Rows, b.Measurement, now, age)
		if err != nil {
			return nil, err
		}
		kinds, err := decide(b, schemed, existing, false)
		if err == nil {
			return kinds, nil
		}
		refused = err
	}
	return nil, refused
}

// send encodes a batch and hands it to the one write path.
func (s *Store) send(ctx context.Context, device devices.ID, b *Batch, imei string, kinds []telemetry.FieldKind) error {
	lines, err := encode(b, imei, kinds)
	if err != nil {
		return err
	}
	if device != "" {
		_, err = s.options.Intake.ForDevice(ctx, device, lines, telemetry.Nanoseconds)
	} else {
		_, err = s.options.Intake.ForOrganization(ctx, lines, telemetry.Nanoseconds, false)
	}
	return err
}
