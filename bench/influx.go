package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"iotcenter/influx/embedded"
)

// influx is an InfluxDB past the app: the peer of most rows.
type influx struct {
	base    string
	client  *http.Client
	handler http.Handler // of an engine in this process
	close   func() error
}

// engineHere opens the engine in this process, without the app around it and without a network between, on a new folder.
func engineHere(ctx context.Context, b *bench, name string, change ...func(*embedded.Options)) (*influx, error) {
	o := embedded.Options{Dir: filepath.Join(b.dir, name)}
	for _, fn := range change {
		fn(&o)
	}
	db, err := openEngine(ctx, o)
	if err != nil {
		return nil, err
	}
	setup, err := json.Marshal(map[string]any{"username": "bench", "password": operator, "org": org, "bucket": bucket, "token": operator})
	if err != nil {
		return nil, err
	}
	if _, _, err := call(ctx, db.client, http.MethodPost, db.base+"/api/v2/setup", string(setup), nil, nil, http.StatusCreated); err != nil {
		return nil, err
	}
	return db, nil
}

// openEngine opens the engine in this process on a folder that may be set up already.
func openEngine(ctx context.Context, o embedded.Options) (*influx, error) {
	o.Log = quiet()
	s, err := embedded.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	return &influx{base: "http://embedded", client: s.HTTPClient(), handler: s.Handler(), close: s.Close}, nil
}

// serve lets an engine of this process be reached through the loopback, and gives it as its clients see it there.
func (db *influx) serve() (*influx, func(), error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	server := &http.Server{Handler: db.handler, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128, DisableCompression: true}, Timeout: 2 * time.Minute}
	return &influx{base: "http://" + l.Addr().String(), client: client}, func() { _ = server.Close() }, nil
}

func (db *influx) header() http.Header { return http.Header{"Authorization": {"Token " + operator}} }

// write writes lines into a bucket.
func (db *influx) write(ctx context.Context, bucket, precision, lines string) error {
	q := url.Values{"org": {org}, "bucket": {bucket}, "precision": {precision}}
	_, _, err := call(ctx, db.client, http.MethodPost, db.base+"/api/v2/write?"+q.Encode(), lines, db.header(), nil, http.StatusNoContent)
	return err
}

// flux runs a query and gives the annotated CSV.
func (db *influx) flux(ctx context.Context, script string) ([]byte, error) {
	body, err := json.Marshal(map[string]any{"query": script, "type": "flux"})
	if err != nil {
		return nil, err
	}
	h := db.header()
	h.Set("Content-Type", "application/json")
	answer, _, err := call(ctx, db.client, http.MethodPost, db.base+"/api/v2/query?org="+org, string(body), h, nil, http.StatusOK)
	return answer, err
}

// influxql runs a SELECT and gives the columns and rows of its first series.
func (db *influx) influxql(ctx context.Context, statement string) (columns []string, rows [][]any, err error) {
	q := url.Values{"db": {bucket}, "q": {statement}, "epoch": {"s"}}
	answer, _, err := call(ctx, db.client, http.MethodGet, db.base+"/query?"+q.Encode(), "", db.header(), nil, http.StatusOK)
	if err != nil {
		return nil, nil, err
	}
	var parsed struct {
		Results []struct {
			Series []struct {
				Columns []string `json:"columns"`
				Values  [][]any  `json:"values"`
			} `json:"series"`
			Error string `json:"error"`
		} `json:"results"`
	}
	if err := json.Unmarshal(answer, &parsed); err != nil {
		return nil, nil, err
	}
	if len(parsed.Results) != 1 || len(parsed.Results[0].Series) == 0 {
		return nil, nil, fmt.Errorf("no rows: %.300s", answer)
	}
	s := parsed.Results[0].Series[0]
	return s.Columns, s.Values, nil
}

// linesOf rebuilds the lines that a device wrote, under another device's name.
func (db *influx) linesOf(ctx context.Context, device, as string) ([]string, error) {
	columns, rows, err := db.influxql(ctx, "SELECT * FROM environment WHERE clientId = '"+device+"'")
	if err != nil {
		return nil, err
	}
	lines := make([]string, 0, len(rows))
	for _, r := range rows {
		var tags, fields []string
		for i, c := range columns {
			switch v := r[i].(type) {
			case string:
				if c == "clientId" {
					v = as
				}
				tags = append(tags, c+"="+v)
			case float64:
				if c != "time" {
					fields = append(fields, fmt.Sprintf("%s=%v", c, v))
				}
			}
		}
		lines = append(lines, fmt.Sprintf("environment,%s %s %.0f", strings.Join(tags, ","), strings.Join(fields, ","), r[0]))
	}
	return lines, nil
}
