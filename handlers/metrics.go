package handlers

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// Metrics counts what the app does, for Prometheus. Its labels are route templates and small fixed sets: a raw
// path or a device id in a label would make series without end.
type Metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	inFlight  prometheus.Gauge
	database  *prometheus.CounterVec
	dbTimes   *prometheus.HistogramVec
	points    prometheus.Counter
}

// NewMetrics makes a set of metrics with a registry of its own.
func NewMetrics() *Metrics {
	buckets := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total",
			Help: "Answered requests by route template, method and status."}, []string{"route", "method", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "http_request_duration_seconds",
			Help: "Time from a request to the end of its answer.", Buckets: buckets}, []string{"route", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "http_requests_in_flight", Help: "Requests being answered."}),
		database: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "database_operations_total",
			Help: "Operations on the database by kind and result."}, []string{"op", "result"}),
		dbTimes: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "database_operation_duration_seconds",
			Help: "Time of operations on the database.", Buckets: buckets}, []string{"op"}),
		points: prometheus.NewCounter(prometheus.CounterOpts{Name: "gateway_points_written_total",
			Help: "Points of devices that the write gateway passed on and the database accepted."}),
	}
	m.registry.MustRegister(m.requests, m.durations, m.inFlight, m.database, m.dbTimes, m.points,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Observe notes an operation on the database; it fits influx.Config.Observe.
func (m *Metrics) Observe(op string, elapsed time.Duration, err error) {
	m.database.WithLabelValues(op, resultLabel(err)).Inc()
	m.dbTimes.WithLabelValues(op).Observe(elapsed.Seconds())
}

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{DisableCompression: true}) // the chain compresses
}

func (m *Metrics) request(route, method string, status int, took time.Duration) {
	method = methodLabel(method)
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.durations.WithLabelValues(route, method).Observe(took.Seconds())
}

// methodLabel keeps invented methods from becoming series and log text.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "other"
	}
}

func resultLabel(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, devices.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return "unavailable"
	case errors.Is(err, devices.ErrNotFound), errors.Is(err, telemetry.ErrBucketNotFound):
		return "not_found"
	case errors.Is(err, telemetry.ErrMalformed), errors.Is(err, telemetry.ErrRejected), errors.Is(err, telemetry.ErrUnauthorized),
		errors.Is(err, telemetry.ErrBadQuery), errors.Is(err, telemetry.ErrBucketExists), errors.Is(err, telemetry.ErrInvalidBucket):
		return "rejected"
	default:
		return "error"
	}
}
