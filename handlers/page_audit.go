package handlers

import (
	"encoding/csv"
	"errors"
	"net/http"

	"iotcenter/devices"
	"iotcenter/people"
	"iotcenter/views"
)

// auditRoutes are the trail of who did what, for admins.
func (s *Server) auditRoutes() {
	s.get("/audit", administring, s.html(s.showAudit))
	s.get("/audit.csv", administring, s.html(s.auditCSV))
}

func (s *Server) showAudit(w http.ResponseWriter, r *http.Request) error {
	page, status := views.AuditPage{Filter: views.ParseAuditFilter(r.URL.Query())}, http.StatusOK
	err := s.Audit.Events(r.Context(), page.Filter.Events(views.AuditRows+1), func(e people.Event) error {
		page.Rows = append(page.Rows, e)
		return nil
	})
	if err != nil {
		if !errors.Is(err, devices.ErrUnavailable) {
			return err
		}
		page.Unread, status = true, http.StatusServiceUnavailable
		retryLater(w)
	}
	if len(page.Rows) > views.AuditRows {
		page.Rows, page.More = page.Rows[:views.AuditRows], true
	}
	page.Shell = s.shell(w, r, "Audit log", "audit")
	return s.render(w, r, status, views.Audit(page))
}

// auditCSV streams the log. An error before the first row is answered as one; a later one cuts the connection. Whoever
// got a row has got the log, as far as the log itself is concerned.
func (s *Server) auditCSV(w http.ResponseWriter, r *http.Request) error {
	out := csv.NewWriter(w)
	begin := func() error {
		s.record(r, people.ActionExport, "audit log", nil)
		h := w.Header()
		h.Set("Content-Type", "text/csv; charset=utf-8")
		h.Set("Content-Disposition", `attachment; filename="audit.csv"`)
		h.Set("Cache-Control", "no-store")
		return out.Write([]string{"time", "kind", "actor", "address", "action", "target", "result", "detail", "request_id"})
	}
	begun := false
	err := s.Audit.Events(r.Context(), views.ParseAuditFilter(r.URL.Query()).Events(0), func(e people.Event) error {
		if !begun {
			begun = true
			if err := begin(); err != nil {
				return err
			}
		}
		row := []string{isoTime(e.At), e.ActorKind, e.Actor, e.Address, e.Action, e.Target, e.Result, e.Detail, e.RequestID}
		for i := range row {
			row[i] = safeCell(views.Visible(row[i]))
		}
		return out.Write(row)
	})
	if err != nil {
		if !begun {
			s.record(r, people.ActionExport, "audit log", err)
		}
		return err
	}
	if !begun {
		if err := begin(); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
