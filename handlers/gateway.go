package handlers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

const gatewayWritePath = "/influx/api/v2/write"

// gatewayRoutes are the part of InfluxDB's API that devices reach: writing, and the two checks that clients make
// before they write. Everything else under /influx is 404.
func (s *Server) gatewayRoutes() {
	s.post(gatewayWritePath, everybody, s.influxStyle(s.gatewayWrite))
	s.get("/influx/health", everybody, s.influxStyle(s.gatewayHealth))
	s.get("/influx/ping", everybody, s.influxStyle(s.gatewayPing))
}

// gatewayWrite passes a device's line protocol on with the device's own token, behind a fence: every point carries
// the device's id, and none carries another's. What is cheap to check comes first: who it is, whether it may, how often
// it came, and only then the body.
func (s *Server) gatewayWrite(w http.ResponseWriter, r *http.Request) error {
	token := bearer(r)
	if token == "" {
		return telemetry.ErrUnauthorized
	}
	id, err := s.deviceOf(r, token)
	if err != nil {
		return err
	}
	if err := s.limits.request(id, s.Clock()); err != nil {
		return about(id, err)
	}
	q := r.URL.Query()
	// The organisation is not looked at: there is one, and clients name it by id, by name, or not at all.
	if bucket := q.Get("bucket"); bucket != "" && bucket != s.Database.Status().Bucket {
		return about(id, errForeignBucket)
	}
	precision, err := telemetry.ValidPrecision(q.Get("precision"))
	if err != nil {
		return about(id, badRequest("precision", "precision is ns, us, ms or s."))
	}

	share := s.bodies.share(id)
	defer share.release()
	buffer := takeBuffer()
	if err := readBody(buffer, r, share); err != nil {
		giveBuffer(buffer)
		return about(id, err)
	}
	if buffer.Len() == 0 {
		giveBuffer(buffer)
		return about(id, badRequest("", "writing requires points"))
	}
	_, err = s.intake.FromDevice(r.Context(), id, token, buffer.Bytes(), precision)
	giveBuffer(buffer)
	if err != nil {
		return about(id, err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// deviceOf is the device that a token belongs to. A token that is known is found in memory and passes however many
// unknown ones come from the same address: devices may share it with a stranger. For an unknown one the registry waits
// and may ask the database, which an address can make it do so often and no more.
func (s *Server) deviceOf(r *http.Request, token string) (devices.ID, error) {
	id, err := s.Registry.ByToken(onlyMemory, token)
	if errors.Is(err, context.Canceled) {
		if err := s.guesses.unknown(s.clientOf(r).Address, s.Clock()); err != nil {
			return "", err
		}
		id, err = s.Registry.ByToken(r.Context(), token)
	}
	return id, tokenError(id, err)
}

// onlyMemory is a context that has ended: with it, the registry answers what it knows without waiting for anything.
var onlyMemory = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// tokenError is what the owner of a token is told when it cannot write.
func tokenError(id devices.ID, err error) error {
	switch {
	case errors.Is(err, devices.ErrNotFound):
		return telemetry.ErrUnauthorized // which tokens there were is nobody's business
	case errors.Is(err, devices.ErrSuspended):
		return about(id, &problem{Status: http.StatusForbidden, Code: "forbidden", Message: fmt.Sprintf("device %s is suspended", id)})
	default:
		return err
	}
}

// readBody reads a write's body, unpacked, within the device's share of memory. More than maxWrite, packed or not, is an
// *http.MaxBytesError.
func readBody(into *bytes.Buffer, r *http.Request, share *share) error {
	switch strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))) {
	case "", "identity":
		if n := r.ContentLength; n > 0 && n <= maxWrite {
			into.Grow(int(min(n, maxGrow)) + bytes.MinRead)
		}
		_, err := into.ReadFrom(share.reader(r.Body)) // limited by the chain
		return brokenBody(err)
	case "gzip":
		packed := &watchedReader{r: r.Body}
		zr, err := takeGzip(packed)
		if err != nil {
			return packed.blame(err)
		}
		defer giveGzip(zr)
		n, err := into.ReadFrom(share.reader(io.LimitReader(zr, maxWrite+1)))
		if n > maxWrite {
			return &http.MaxBytesError{Limit: maxWrite}
		}
		return packed.blame(err)
	default:
		return &problem{Status: http.StatusUnsupportedMediaType, Code: "unsupported_encoding", Message: "Content-Encoding is gzip or identity."}
	}
}

// brokenBody gives the errors of reading a body their kind: the connection broke or ran out of time, and trying
// again can succeed, unless there was simply too much.
func brokenBody(err error) error {
	var tooBig *http.MaxBytesError
	var own *problem
	if err == nil || errors.As(err, &tooBig) || errors.As(err, &own) {
		return err
	}
	return &problem{Status: http.StatusRequestTimeout, Code: "incomplete", Message: "The body did not arrive whole."}
}

// gatewayHealth answers like InfluxDB's /health, from what is known of the database.
func (s *Server) gatewayHealth(w http.ResponseWriter, _ *http.Request) error {
	st := s.Database.Status()
	out := struct {
		Name    string   `json:"name"`
		Message string   `json:"message"`
		Checks  []string `json:"checks"`
		Status  string   `json:"status"`
		Version string   `json:"version"`
	}{"influxdb", "ready for queries and writes", []string{}, "pass", st.Version}
	status := http.StatusOK
	if !st.Ready {
		out.Message, out.Status, status = "the database cannot be reached", "fail", http.StatusServiceUnavailable
	}
	writeJSON(w, status, out)
	return nil
}

// gatewayPing answers like InfluxDB's /ping.
func (s *Server) gatewayPing(w http.ResponseWriter, _ *http.Request) error {
	st := s.Database.Status()
	if !st.Ready {
		return telemetry.ErrUnavailable
	}
	w.Header().Set("X-Influxdb-Build", "OSS")
	w.Header().Set("X-Influxdb-Version", st.Version)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// Buffers are used again; huge buffers are not kept.
const (
	maxGrow = 1 << 20 // what a Content-Length is trusted with before its bytes have come
	maxKept = 4 << 20
)

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func takeBuffer() *bytes.Buffer { return buffers.Get().(*bytes.Buffer) }

func giveBuffer(b *bytes.Buffer) {
	if b.Cap() <= maxKept {
		b.Reset()
		buffers.Put(b)
	}
}
