package handlers

import (
	"net/http"

	"iotcenter/people"
)

// Results in the audit log.
const (
	resultOK      = "ok"
	resultRefused = "refused"
	resultFailed  = "failed"
)

// record notes what somebody did, or tried to do: err is how it ended.
func (s *Server) record(r *http.Request, action, target string, err error, detail ...string) {
	e := s.event(r, action, target, err)
	if len(detail) > 0 {
		e.Detail = detail[0]
	}
	s.Audit.Note(e)
}

// recordDevice notes what a device did with its own credentials.
func (s *Server) recordDevice(r *http.Request, id, action, target string, err error, detail string) {
	e := s.event(r, action, target, err)
	e.ActorKind, e.Actor, e.Detail = "device", id, detail
	s.Audit.Note(e)
}

// event is an event of whoever asks.
func (s *Server) event(r *http.Request, action, target string, err error) people.Event {
	p := principalOf(r)
	return people.Event{
		At: s.Clock(), ActorKind: [...]string{"nobody", "person", "key"}[p.kind], Actor: p.name(), Address: s.clientAddress(r),
		Action: action, Target: target, Result: resultOf(err), RequestID: stateOf(r).ID,
	}
}

// resultOf tells what the one who asked is to blame for from what failed.
func resultOf(err error) string {
	switch {
	case err == nil:
		return resultOK
	case failureOf(err, faceAPI, true).Status < http.StatusInternalServerError:
		return resultRefused
	default:
		return resultFailed
	}
}
