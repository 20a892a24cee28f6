package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"iotcenter/influx"
	"iotcenter/influx/embedded"
)

// export writes a bucket as line protocol.
func export(ctx context.Context, c Config, e exportArgs, t terminal) error {
	o := influx.ExportOptions{Bucket: e.Bucket}
	var err error
	if o.Start, err = timeArg("--start", e.Start); err != nil {
		return err
	}
	if o.Stop, err = timeArg("--stop", e.Stop); err != nil {
		return err
	}
	if o.Bucket == "" {
		o.Bucket = c.InfluxBucket
	}
	m := newMeter(t.err, "export")
	o.Progress = func(s influx.Transferred) { m.points(s.Points, s.Bytes) }
	var sum influx.Transferred
	err = withDatabase(ctx, c, func(db *influx.DB) error {
		return writeOut(e.File, e.Force, t.out, func(w io.Writer) error {
			var z *gzip.Writer
			if strings.HasSuffix(e.File, ".gz") {
				if z, err = gzip.NewWriterLevel(w, gzip.BestSpeed); err != nil {
					return err
				}
				w = z
			}
			if sum, err = db.Export(ctx, w, o); err == nil && z != nil {
				err = z.Close()
			}
			return err
		})
	})
	if err != nil {
		m.cut()
		return err
	}
	m.end("%d points (%s) of bucket %s, %s, to %s", sum.Points, size(sum.Bytes), o.Bucket, m.rate(sum.Points), e.File)
	return nil
}

// timeArg reads a time; empty is no bound.
func timeArg(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s: %q is no time such as 2026-01-31 or 2026-01-31T12:00:00Z", name, text)
}

// importLines writes line protocol into a bucket.
func importLines(ctx context.Context, c Config, i importArgs, t terminal) error {
	bucket := i.Bucket
	if bucket == "" {
		bucket = c.InfluxBucket
	}
	m := newMeter(t.err, "import")
	var sum influx.Transferred
	err := readIn(i.File, t.in, func(from io.Reader, _ int64) error {
		return withDatabase(ctx, c, func(db *influx.DB) (err error) {
			sum, err = db.Import(ctx, from, influx.ImportOptions{Bucket: bucket, Progress: func(s influx.Transferred) { m.points(s.Points, s.Bytes) }})
			return err
		})
	})
	if err != nil {
		m.cut()
		return fmt.Errorf("%s: %w; %d points before were taken", i.File, err, sum.Points)
	}
	m.end("%d points (%s) into bucket %s, %s", sum.Points, size(sum.Bytes), bucket, m.rate(sum.Points))
	return nil
}

// withDatabase gives the database that the configuration names: the InfluxDB elsewhere, the embedded one of the
// program that runs on the data folder, or, if none does, that of the folder.
func withDatabase(ctx context.Context, c Config, fn func(*influx.DB) error) (err error) {
	config := influx.Config{URL: c.InfluxURL, Org: c.InfluxOrg, Bucket: c.InfluxBucket, AuthBucket: c.InfluxBucketAuth}
	if c.embedded() {
		if err := hasData(c.DataDir); err != nil {
			return err
		}
		secret, err := loadSecrets(c)
		if err != nil {
			return err
		}
		config.Token, config.Embedded = secret.influxToken, true
		if config.HTTPClient = dialControl(ctx, c.DataDir); config.HTTPClient == nil {
			server, openErr := embedded.Open(ctx, embedded.Options{Dir: c.DataDir})
			if openErr != nil {
				return fmt.Errorf("DATA_DIR: %w", openErr)
			}
			defer func() { err = errors.Join(err, server.Close()) }()
			config.HTTPClient = server.HTTPClient()
		} else {
			defer config.HTTPClient.CloseIdleConnections()
		}
	} else {
		if problem := urlProblem(c.InfluxURL); problem != "" {
			return fmt.Errorf("INFLUX_URL: %s", problem)
		}
		if config.Token, err = fromFile("INFLUX_TOKEN_FILE", c.InfluxTokenFile, c.InfluxToken); err != nil {
			return err
		}
		if config.Token == "" {
			return errors.New("INFLUX_TOKEN: it is needed with INFLUX_URL")
		}
	}
	db, err := influx.New(config)
	if err != nil {
		return err
	}
	return fn(db)
}
