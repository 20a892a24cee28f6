package handlers

import (
	"fmt"
	"net/http"

	"iotcenter/devices"
	"iotcenter/telemetry/smart"
)

// writeProductData writes a batch of the product that the route names. What is cheap to check comes first, and the body
// is read last.
func (s *Server) writeProductData(w http.ResponseWriter, r *http.Request) error {
	d, err := s.productOf(r)
	if err != nil {
		return err
	}
	if d.Suspended {
		return about(d.ID, devices.ErrSuspended)
	}
	return s.writeBatch(w, r, d.ID, func(b *smart.Batch) (devices.ID, error) {
		if b.IMEI != "" && b.IMEI != string(d.ID) {
			return "", otherProduct(d.ID)
		}
		return d.ID, nil
	})
}

// writeGeneralData writes a batch that carries all its tags. Where its product_imei names a registered device, the
// points are that device's.
func (s *Server) writeGeneralData(w http.ResponseWriter, r *http.Request) error {
	return s.writeBatch(w, r, keySender(principalOf(r).key), func(b *smart.Batch) (devices.ID, error) {
		d, found, err := s.namedProduct(r, b.IMEI)
		switch {
		case err != nil || !found:
			return "", err
		case d.Suspended:
			return "", about(d.ID, devices.ErrSuspended)
		}
		return d.ID, nil
	})
}

// largeBatch is the size of a body from which a batch waits for its turn: parsed, it takes several times as much memory.
const largeBatch = 64 << 10

// writeBatch reads a batch and writes it. sender is who is counted for it; owner tells whose points they are, "" for nobody's.
func (s *Server) writeBatch(w http.ResponseWriter, r *http.Request, sender devices.ID, owner func(*smart.Batch) (devices.ID, error)) error {
	if err := jsonBody(r); err != nil {
		return err
	}
	if err := s.limits.request(sender, s.Clock()); err != nil {
		return err
	}
	share := s.bodies.share(sender)
	defer share.release()
	buffer := takeBuffer()
	defer giveBuffer(buffer)
	if err := readBody(buffer, r, share); err != nil {
		return err
	}
	if buffer.Len() > largeBatch {
		leave, err := s.batches.enter(r.Context(), string(sender))
		if err != nil {
			return err
		}
		defer leave()
	}
	batch, err := smart.ParseBatch(buffer)
	if err != nil {
		return err
	}
	id, err := owner(batch)
	if err != nil {
		return err
	}
	n, err := s.smart.Write(r.Context(), id, batch)
	if err != nil && id != "" {
		err = about(id, err)
	}
	if err != nil {
		return err
	}
	return smartSuccess(w, http.StatusOK, fmt.Sprintf("%d data-point(s) successfully written to influx", n), nil)
}
