package views

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/go-echarts/go-echarts/v2/charts"
)

// Chart options are built with go-echarts, but only its JSON is used: its HTML snippets would let a field's name out as
// script. Colours are no part of an option: a text "--s1" stands for the token of that name, "--s1/22/30" for 22 % of it
// (30 % in the dark), and the page's script puts in what the theme says.

// optionVisitor completes what go-echarts has no field for: series are replaced by ours, and extra goes beside them.
type optionVisitor struct {
	charts.BaseConfigurationVisitor
	series []chartSeries
	extra  map[string]any
}

// VisitSeriesOpt puts our additions on the series, in their order.
func (v optionVisitor) VisitSeriesOpt(all charts.MultiSeries) any {
	out := make([]chartSeries, len(all))
	for i, s := range all {
		if i < len(v.series) {
			out[i] = v.series[i]
		}
		out[i].SingleSeries = s
	}
	return out
}

// Visit leaves out the parts that our charts never have, and adds the others.
func (v optionVisitor) Visit(option map[string]any) {
	for _, part := range [...]string{"title", "legend", "toolbox", "tooltip", "color", "xAxis", "yAxis"} {
		delete(option, part)
	}
	option["animation"] = false
	for name, part := range v.extra {
		option[name] = part
	}
}

// chartSeries is a series with what go-echarts does not know. Where names are the same, these win.
type chartSeries struct {
	charts.SingleSeries
	Silent        bool           `json:"silent,omitempty"`
	Z             int            `json:"z,omitempty"`
	StackStrategy string         `json:"stackStrategy,omitempty"`
	Data          any            `json:"data,omitempty"`
	Low           any            `json:"min,omitempty"`
	High          any            `json:"max,omitempty"`
	Line          map[string]any `json:"lineStyle,omitempty"`
	Area          map[string]any `json:"areaStyle,omitempty"`
	Item          map[string]any `json:"itemStyle,omitempty"`
	Marks         map[string]any `json:"markArea,omitempty"`
	Words         map[string]any `json:"label,omitempty"`
	Ring          map[string]any `json:"axisLine,omitempty"`
	Needle        map[string]any `json:"pointer,omitempty"`
}

// jsonChart is a chart of go-echarts.
type jsonChart interface {
	Validate()
	Accept(charts.ConfigurationVisitor)
	JSON() map[string]any
}

// optionOf gives the option JSON of a chart with our additions. A value that JSON cannot hold is an error.
func optionOf(c jsonChart, series []chartSeries, extra map[string]any) (json.RawMessage, error) {
	c.Validate()
	c.Accept(optionVisitor{series: series, extra: extra})
	return json.Marshal(c.JSON())
}

var hidden = map[string]any{"show": false}

// timed is one point of a line: a time, and a value that may be missing.
type timed struct {
	At    time.Time
	Value float64 // NaN: missing
}

// timedPoints marshals to [[milliseconds, value], …]; a missing or infinite value is null.
type timedPoints []timed

// MarshalJSON is quicker than reflection: a dashboard has thousands of points.
func (p timedPoints) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 2+24*len(p))
	b = append(b, '[')
	for i, v := range p {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		b = strconv.AppendInt(b, v.At.UnixMilli(), 10)
		b = append(b, ',')
		b = appendNumber(b, v.Value)
		b = append(b, ']')
	}
	return append(b, ']'), nil
}

// appendNumber writes a value with seven digits, more than a plot can show; what is no number is null.
func appendNumber(b []byte, v float64) []byte {
	if !finite(v) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, v, 'g', 7, 64)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
