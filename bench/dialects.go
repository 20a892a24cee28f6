package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"iotcenter/e2e/program"
)

// keyed makes a request with the key, as programs do.
func (a *app) keyed(ctx context.Context, method, path, body string, want int) ([]byte, error) {
	h := http.Header{"Authorization": {"Token token=" + program.APIKey}}
	if body != "" {
		h.Set("Content-Type", "application/json")
	}
	answer, _, err := call(ctx, a.client, method, a.URL+path, body, h, nil, want)
	return answer, err
}

// dialects measures the SMART and Helium APIs against the database that they stand on.
func dialects(ctx context.Context, b *bench, a *app) error {
	return errors.Join(smartWrites(ctx, b, a), smartMillion(ctx, b, a), heliumReads(ctx, b, a))
}

// smartFields are the fields of a batch: its points are pairs, its lines have all of them.
var smartFields = []string{"current", "voltage", "temperature", "active_power", "energy"}

// smartWrites measures batches of points in JSON against the same points as line protocol, both through the app, on
// one connection.
func smartWrites(ctx context.Context, b *bench, a *app) error {
	const imei = "013777946874001"
	token, err := a.register(ctx, imei)
	if err != nil {
		return err
	}
	for _, of := range []struct{ points, requests, times int }{{10, 200, 5}, {1000, 40, 5}, {100_000, 1, 7}} {
		rows := of.points / len(smartFields)
		write := func(one func(times []int64) error) func() error {
			return func() error {
				for range of.requests {
					times := make([]int64, rows)
					for i := range times {
						times[i] = pastSecond()
					}
					if err := one(times); err != nil {
						return err
					}
				}
				return nil
			}
		}
		mine, theirs, err := alternate(of.times, write(func(times []int64) error {
			_, err := a.keyed(ctx, http.MethodPost, "/v1/products/"+imei+"/data", smartBatch(times), http.StatusOK)
			return err
		}), write(func(times []int64) error { return a.write(ctx, token, smartLines(imei, times)) }))
		if err != nil {
			return err
		}
		rate := func(d time.Duration) string {
			return fmt.Sprintf("%.0f points/s", float64(of.points*of.requests)/d.Seconds())
		}
		b.table.atLeast(fmt.Sprintf("SMART batches of %d points", of.points), rate(mine), "line protocol of the same "+rate(theirs), ratio(theirs, mine), 0.5)
	}
	return nil
}

// smartValue is the value of a field at a second.
func smartValue(field int, at int64) float64 { return float64((at*int64(field+3))%10_000) / 100 }

func smartBatch(times []int64) string {
	var b strings.Builder
	b.WriteString(`{"measurement":"telemetry","fields":{`)
	for f, name := range smartFields {
		if f > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + name + `":[`)
		for i, at := range times {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "[%d000,%.2f]", at, smartValue(f, at))
		}
		b.WriteByte(']')
	}
	b.WriteString(`}}`)
	return b.String()
}

func smartLines(imei string, times []int64) string {
	var b strings.Builder
	for _, at := range times {
		b.WriteString("telemetry,product_imei=" + imei)
		for f, name := range smartFields {
			b.WriteByte(" ,"[min(f, 1)])
			fmt.Fprintf(&b, "%s=%.2f", name, smartValue(f, at))
		}
		fmt.Fprintf(&b, " %d\n", at)
	}
	return b.String()
}

// smartMillion measures the read of a million rows, and what of memory it takes, against the database's own answer.
func smartMillion(ctx context.Context, b *bench, a *app) error {
	const (
		imei = "013777946874002"
		rows = 1_000_000
	)
	if _, err := a.register(ctx, imei); err != nil {
		return err
	}
	stop := time.Now().Unix() - 3600
	var batches []string
	var lines strings.Builder
	for i := range rows {
		at := stop - rows + int64(i)
		fmt.Fprintf(&lines, "telemetry,clientId=%s,product_imei=%s current=%.2f,voltage=%.2f %d\n", imei, imei, smartValue(0, at), smartValue(1, at), at)
		if (i+1)%(4*batch) == 0 {
			batches = append(batches, lines.String())
			lines.Reset()
		}
	}
	if _, err := pour(ctx, batches, func(ctx context.Context, lines string) error { return a.raw.write(ctx, bucket, "s", lines) }); err != nil {
		return err
	}
	batches = nil
	if err := a.calm(ctx); err != nil {
		return err
	}
	path := "/v1/products/" + imei + "/data?" + url.Values{"start": {fmt.Sprint((stop - rows - 1) * 1000)}}.Encode()
	statement := fmt.Sprintf(`SELECT "current", "voltage" FROM telemetry WHERE clientId = '%s' AND time > %ds`, imei, stop-rows-1)
	_, before, err := a.memory()
	if err != nil {
		return err
	}
	peak, ended := before, make(chan struct{})
	var watch errgroup.Group
	watch.Go(func() error {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return nil
			case <-tick.C:
				_, now, err := a.memory()
				if err != nil {
					return err
				}
				peak = max(peak, now)
			}
		}
	})
	n, err := a.drain(ctx, a.URL+path, "Token token="+program.APIKey)
	close(ended)
	if err := errors.Join(err, watch.Wait()); err != nil {
		return err
	}
	if n < rows*20 {
		return fmt.Errorf("a million rows in %d bytes", n)
	}
	const most = 128 << 20
	b.table.limit("memory of a SMART read of a million rows", fmt.Sprintf("%d MiB more, answer %d MiB", (peak-before)>>20, n>>20), "128 MiB", float64(peak-before)/most)
	raw := a.raw.base + "/query?" + url.Values{"db": {bucket}, "q": {statement}, "epoch": {"ns"}, "chunked": {"true"}, "chunk_size": {"5000"}}.Encode()
	mine, theirs, err := alternate(3, func() error {
		_, err := a.drain(ctx, a.URL+path, "Token token="+program.APIKey)
		return err
	}, func() error {
		_, err := a.drain(ctx, raw, "Token "+operator)
		return err
	})
	if err != nil {
		return err
	}
	rate := func(d time.Duration) string { return fmt.Sprintf("%.0f rows/s", rows/d.Seconds()) }
	b.table.atMost("SMART read of a million rows", rate(mine), "the database's chunked answer "+rate(theirs), ratio(mine, theirs), 3)
	return nil
}

// drain reads an answer to its end without keeping it, and gives its length.
func (a *app) drain(ctx context.Context, address, authorization string) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", authorization)
	res, err := a.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 300))
		return 0, fmt.Errorf("GET %s: status %d: %s", address, res.StatusCode, text)
	}
	return io.Copy(io.Discard, res.Body)
}

// heliumReads measures a full page and a year's aggregation against the queries below them.
func heliumReads(ctx context.Context, b *bench, a *app) error {
	const device = "bench-helium"
	if _, err := a.register(ctx, device); err != nil {
		return err
	}
	stop := time.Now().Truncate(time.Minute)
	var batches []string
	var lines strings.Builder
	const minutes = 365 * 24 * 60
	for i := range minutes {
		at := stop.Add(-time.Duration(minutes-i) * time.Minute)
		wave := math.Sin(float64(at.Unix()%86400) / 86400 * 2 * math.Pi)
		fmt.Fprintf(&lines, "helium,clientId=%s,port=t number=%.2f,created=%di,at=%di %d\n", device, 20+8*wave, at.UnixMicro(), at.UnixNano(), at.UnixNano())
		if (i+1)%(2*batch) == 0 || i+1 == minutes {
			batches = append(batches, lines.String())
			lines.Reset()
		}
	}
	if _, err := pour(ctx, batches, func(ctx context.Context, lines string) error { return a.raw.write(ctx, bucket, "ns", lines) }); err != nil {
		return err
	}
	if err := a.calm(ctx); err != nil {
		return err
	}
	path := "/v1/sensor/" + device + "/timeseries?"
	where := " FROM helium WHERE clientId = '" + device + "'"
	start := stop.AddDate(-1, 0, 0).UTC()
	for _, of := range []struct {
		metric, path, against, statement string
		times                            int
	}{
		{"Helium page of 10,000 points", path + url.Values{"page[size]": {"10000"}}.Encode(),
			"the raw query", `SELECT "number", "created", "port"` + where + " ORDER BY time DESC LIMIT 10000", 9},
		{"Helium aggregation of a year by days", path + url.Values{"agg[type]": {"min,max,avg"}, "agg[size]": {"1d"}, "filter[start]": {start.Format(time.DateOnly)}}.Encode(),
			"the database's own", `SELECT min("number"), max("number"), mean("number")` + where + " AND time >= '" + start.Format(time.DateOnly) + "' GROUP BY time(1d), port fill(none)", 5},
	} {
		var answer []byte
		mine, theirs, err := alternate(of.times, func() (err error) {
			answer, err = a.keyed(ctx, http.MethodGet, of.path, "", http.StatusOK)
			return err
		}, func() error {
			_, err := a.drain(ctx, a.raw.base+"/query?"+url.Values{"db": {bucket}, "q": {of.statement}, "epoch": {"ns"}}.Encode(), "Token "+operator)
			return err
		})
		if err != nil {
			return err
		}
		if n := bytes.Count(answer, []byte(`"data-point"`)); n < 365 {
			return fmt.Errorf("%s: %d points: %.300s", of.metric, n, answer)
		}
		b.table.atMost(of.metric, millis(mine), of.against+" "+millis(theirs), ratio(mine, theirs), 2)
	}
	return nil
}
