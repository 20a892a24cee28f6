package handlers

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
	"iotcenter/views"
)

// lastBack is how far back gauges look for a value.
const lastBack = 30 * 24 * time.Hour

// dashboardRoutes are the dashboards, the virtual device, and their data. They come before the pages: the virtual
// device's own page stands at the address of a device.
func (s *Server) dashboardRoutes() {
	s.get("/dashboard", seeing, s.html(s.dashboardOfChoice))
	// A device may be called "devices": only a search is ours.
	s.get("/dashboard/devices", seeing, s.html(s.dashboardDevices)).Queries("q", "{q}")
	s.get("/dashboard/{id}", seeing, s.html(s.dashboard))
	s.get("/dashboard/{id}/data", seeingData, s.json(s.dashboardData))
	s.get("/dashboard/{id}/last", seeingData, s.json(s.dashboardLast))
	s.get("/api/devices/{id}/series", apiReading, s.json(s.series))
	s.virtualRoutes()
}

// dashboardOfChoice is the dashboard of the virtual device, or leads to the device that a form names.
func (s *Server) dashboardOfChoice(w http.ResponseWriter, r *http.Request) error {
	if name := strings.TrimSpace(r.URL.Query().Get("device")); name != "" {
		id, err := s.chosenDevice(r, name)
		if err != nil {
			return err
		}
		http.Redirect(w, r, views.DashboardPath(id), http.StatusSeeOther)
		return nil
	}
	return s.showDashboard(w, r, devices.VirtualDevice)
}

// chosenDevice is the device with this id, or the first one whose id begins so.
func (s *Server) chosenDevice(r *http.Request, name string) (devices.ID, error) {
	id, err := devices.ParseID(name)
	if err != nil {
		return "", err
	}
	_, err = s.Registry.Get(r.Context(), id)
	if err == nil || !errors.Is(err, devices.ErrNotFound) {
		return id, about(id, err)
	}
	page, listErr := s.Registry.List(r.Context(), devices.ListOptions{Prefix: name, Limit: 1})
	if listErr != nil {
		return "", listErr
	}
	if len(page.Devices) == 0 {
		return "", about(id, err)
	}
	return page.Devices[0].ID, nil
}

func (s *Server) dashboard(w http.ResponseWriter, r *http.Request) error {
	id, err := deviceID(r)
	if err != nil {
		return err
	}
	return s.showDashboard(w, r, id)
}

// showDashboard draws the page with the newest values; its script asks for the rest.
func (s *Server) showDashboard(w http.ResponseWriter, r *http.Request, id devices.ID) error {
	now := s.Clock()
	span, spanErr := dashboardSpan(r, now)
	picker, err := s.devicePicker(r, id, "", span)
	if err != nil {
		return err
	}
	d, err := s.Registry.Get(r.Context(), id)
	switch {
	case errors.Is(err, devices.ErrNotFound) && id == devices.VirtualDevice:
		page := views.DashboardPage{Device: id, Now: now, Span: span, Picker: picker}
		return s.render(w, r, http.StatusOK, views.Dashboard(s.dashboardShell(w, r), page))
	case err != nil:
		return about(id, err)
	}
	measurement, measurementErr := askedMeasurement(r)
	if measurementErr != nil {
		measurement = ""
	}
	shown, newest, err := s.chooseMeasurement(r.Context(), id, measurement)
	if err != nil {
		return about(id, err)
	}
	page, err := views.NewDashboardPage(id, shown, newest.last, span, picker, now)
	if err != nil {
		return err
	}
	page.Suspended, page.LastEntry = d.Suspended, newest.entry
	shell, status := s.dashboardShell(w, r), http.StatusOK
	for _, wrong := range [...]error{spanErr, measurementErr} {
		var bad *telemetry.QueryError
		if !errors.As(wrong, &bad) {
			continue
		}
		status = http.StatusUnprocessableEntity
		if bad.Parameter == "range" || bad.Parameter == "measurement" { // no field to type into: it came with the address
			shell.Flashes = append(shell.Flashes, views.Flash{Kind: views.FlashError, Text: sentence(bad)})
		} else {
			page.SpanField, page.SpanError = bad.Parameter, sentence(bad)
			page.From, page.To = typedTime(r, "from"), typedTime(r, "to")
		}
	}
	shell.Scripts = append(shell.Scripts, "echarts.js", "charts.js")
	return s.render(w, r, status, views.Dashboard(shell, page))
}

func (s *Server) dashboardShell(w http.ResponseWriter, r *http.Request) views.Shell {
	shell := s.shell(w, r, "Dashboard", "dashboard")
	shell.Styles = append(shell.Styles, "dashboard.css")
	return shell
}

// devicePicker gives the devices whose ids begin with query, some of them at most.
func (s *Server) devicePicker(r *http.Request, current devices.ID, query string, span views.DashboardSpan) (views.DevicePicker, error) {
	page, err := s.Registry.List(r.Context(), devices.ListOptions{Prefix: query, Limit: views.PickerLimit})
	if err != nil {
		return views.DevicePicker{}, err
	}
	p := views.DevicePicker{Current: current, Query: query, Span: span.Query(), Total: page.Total}
	for _, d := range page.Devices {
		p.IDs = append(p.IDs, d.ID)
	}
	return p, nil
}

// dashboardDevices is the part of a page that lists devices for the picker.
func (s *Server) dashboardDevices(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	query := strings.TrimSpace(q.Get("q"))
	if len(query) > devices.MaxIDLength {
		query = strings.ToValidUTF8(query[:devices.MaxIDLength], "") // no id is longer, so nothing matches
	}
	span, _ := dashboardSpan(r, s.Clock()) // it only decorates the links
	picker, err := s.devicePicker(r, devices.ID(q.Get("current")), query, span)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, views.DeviceChoices(picker))
}
