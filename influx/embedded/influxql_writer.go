package embedded

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/influxdata/influxdb/query"
)

// influxqlWriter gathers results into one answer, or writes each as it comes if
// the client asked for chunks.
type influxqlWriter struct {
	w         http.ResponseWriter
	chunked   bool
	chunkSize int
	pretty    bool
	epoch     int64 // nanoseconds of the unit of times; 0: RFC 3339
	results   []*query.Result
	started   bool
}

func newInfluxqlWriter(w http.ResponseWriter, form url.Values) *influxqlWriter {
	o := &influxqlWriter{w: w, chunked: form.Get("chunked") == "true", pretty: form.Get("pretty") == "true", chunkSize: influxqlChunk}
	if n, err := strconv.Atoi(form.Get("chunk_size")); o.chunked && err == nil && n > 0 {
		o.chunkSize = min(n, maxInfluxqlChunk)
	}
	if unit := form.Get("epoch"); unit != "" {
		o.epoch = epochUnit(unit)
	}
	return o
}

// epochUnit: what is not known counts as nanoseconds, as in InfluxDB 1.x.
func epochUnit(unit string) int64 {
	switch unit {
	case "u", "us", "µ":
		return 1e3
	case "ms":
		return 1e6
	case "s":
		return 1e9
	case "m":
		return 60e9
	case "h":
		return 3600e9
	}
	return 1
}

func (o *influxqlWriter) add(res *query.Result) error {
	if o.epoch > 0 {
		toEpoch(res, o.epoch)
	}
	if o.chunked {
		return o.send([]*query.Result{res})
	}
	if n := len(o.results); n > 0 && o.results[n-1].StatementID == res.StatementID && res.Err == nil {
		mergeResult(o.results[n-1], res)
		return nil
	}
	if n := len(o.results); n > 0 && o.results[n-1].StatementID == res.StatementID {
		o.results[n-1] = res // an error replaces the part before it
		return nil
	}
	o.results = append(o.results, res)
	return nil
}

// mergeResult joins the chunks of one statement: rows of a series that was cut
// go on where it ended.
func mergeResult(into, res *query.Result) {
	series := res.Series
	if n := len(into.Series); n > 0 {
		last := into.Series[n-1]
		for len(series) > 0 && last.SameSeries(series[0]) {
			last.Values = append(last.Values, series[0].Values...)
			last.Partial = series[0].Partial
			series = series[1:]
		}
	}
	into.Series = append(into.Series, series...)
	into.Messages = append(into.Messages, res.Messages...)
	into.Partial = res.Partial
}

func toEpoch(res *query.Result, unit int64) {
	for _, s := range res.Series {
		for _, row := range s.Values {
			if len(row) > 0 {
				if t, ok := row[0].(interface{ UnixNano() int64 }); ok {
					row[0] = t.UnixNano() / unit
				}
			}
		}
	}
}

func (o *influxqlWriter) send(results []*query.Result) error {
	body := struct {
		Results []*query.Result `json:"results"`
	}{results}
	var data []byte
	var err error
	if o.pretty {
		data, err = json.MarshalIndent(body, "", "    ")
	} else {
		data, err = json.Marshal(body)
	}
	if err != nil {
		return err
	}
	if !o.started {
		o.started = true
		o.w.Header().Set("Content-Type", "application/json")
		o.w.WriteHeader(http.StatusOK)
	}
	if _, err := o.w.Write(append(data, '\n')); err != nil {
		return errors.Join(errAnswered, err)
	}
	if f, ok := o.w.(http.Flusher); ok && o.chunked {
		f.Flush()
	}
	return nil
}

func (o *influxqlWriter) end() error {
	if o.chunked && o.started {
		return nil
	}
	if o.results == nil {
		o.results = []*query.Result{}
	}
	return o.send(o.results)
}
