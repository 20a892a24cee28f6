package handlers

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"iotcenter/devices"
	"iotcenter/emulator"
	"iotcenter/people"
	"iotcenter/telemetry"
	"iotcenter/views"
)

const (
	shownRuns    = 5               // earlier runs on the page
	signalBack   = 24 * time.Hour  // of the small drawings
	signalPoints = 60              // their points
	statsBack    = views.StatsDays // days of measurements
	dayLength    = 24 * time.Hour
)

func (s *Server) virtualRoutes() {
	s.get("/virtual", seeing, s.html(s.virtualPage))
	s.get("/devices/"+string(devices.VirtualDevice), seeing, s.html(s.virtualPage))
	s.get("/virtual/events", seeing, s.html(s.virtualEvents))
	s.post("/virtual/backfill", managing, s.html(s.startBackfill))
	s.post("/virtual/backfill/cancel", managing, s.html(s.cancelBackfill))
	s.post("/virtual/live", managing, s.html(s.switchLive))
}

// virtualPage shows the virtual device, registered or not.
func (s *Server) virtualPage(w http.ResponseWriter, r *http.Request) error {
	const id = devices.VirtualDevice
	page := views.VirtualPage{Signals: views.Signals(telemetry.SeriesAnswer{}), Live: liveView(s.Live.Status(id))}
	page.Device.ID = id
	progress, ran := s.Backfills.Progress(id)
	if ran {
		page.Progress = progressView(progress)
	}
	if err := s.readVirtual(r.Context(), &page); err != nil {
		return about(id, err)
	}
	page.Shell = s.shell(w, r, "Virtual Device", "virtual")
	page.Styles, page.Scripts = append(page.Styles, "dashboard.css"), append(page.Scripts, "virtual.js")
	if ran && !page.Progress.Running && r.URL.Query().Get("run") == page.Progress.Run() {
		page.Flashes = append(page.Flashes, views.RunFlash(runView(emulator.Run{Written: progress.Written, Result: string(progress.State), Message: progress.Message})))
	}
	return s.render(w, r, http.StatusOK, views.Virtual(page))
}

// readVirtual adds what the database knows; nothing as long as the device is not registered.
func (s *Server) readVirtual(ctx context.Context, page *views.VirtualPage) error {
	id, now := page.Device.ID, s.Clock()
	device, err := s.Registry.Get(ctx, id)
	if errors.Is(err, devices.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	page.Registered, page.Device = true, device
	page.Config = s.virtualConfig()
	answer, err := s.Reader.Series(ctx, telemetry.SeriesQuery{Device: id, Start: now.Add(-signalBack), Stop: now, Points: signalPoints})
	if err != nil {
		return err
	}
	page.Signals = views.Signals(answer)
	if page.Stats, err = s.Reader.Stats(ctx, id, "", now.Add(-statsBack*dayLength), now); err != nil {
		return err
	}
	for _, f := range page.Stats {
		if f.LastTime.After(page.Last) {
			page.Last = f.LastTime
		}
	}
	page.State = page.Device.StateAt(page.Last, now)
	runs, err := s.Backfills.Runs(ctx, id, shownRuns)
	for _, run := range runs {
		page.Runs = append(page.Runs, runView(run))
	}
	return err
}

// virtualConfig is what the page says of the database.
func (s *Server) virtualConfig() views.DeviceConfig {
	database := s.Database.Status()
	address := database.URL
	if database.Embedded || address == "" {
		address = "embedded"
	}
	return views.DeviceConfig{InfluxURL: address, Org: database.Org, Bucket: database.Bucket}
}

func progressView(p emulator.Progress) views.VirtualProgress {
	return views.VirtualProgress{Running: p.State == emulator.Running, Written: p.Written, Total: p.Total, From: p.From, To: p.To, Started: p.Started}
}

func runView(r emulator.Run) views.VirtualRun {
	return views.VirtualRun{Started: r.Started, Took: r.Took, Written: r.Written, Result: r.Result, Message: r.Message, By: r.By}
}

func liveView(l emulator.LiveStatus) views.VirtualLive {
	return views.VirtualLive{On: l.On, Since: l.Since, LastWrite: l.LastWrite, Points: l.Points, Err: l.Err, Every: emulator.Every}
}

// startBackfill writes what is missing; the first time it registers the device. Two presses are one run.
func (s *Server) startBackfill(w http.ResponseWriter, r *http.Request) error {
	const id = devices.VirtualDevice
	if err := s.registerVirtual(r); err != nil {
		return err
	}
	err := s.Backfills.Start(id, principalOf(r).name())
	if errors.Is(err, emulator.ErrRunning) {
		return s.backToRun(w, r)
	}
	s.record(r, people.ActionBackfill, string(id), err)
	if err != nil {
		return about(id, err)
	}
	return s.backToRun(w, r)
}

func (s *Server) cancelBackfill(w http.ResponseWriter, r *http.Request) error {
	s.Backfills.Cancel(devices.VirtualDevice)
	return s.backToRun(w, r)
}

// switchLive turns the writing of live points on or off.
func (s *Server) switchLive(w http.ResponseWriter, r *http.Request) error {
	const id = devices.VirtualDevice
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	on, err := strconv.ParseBool(r.PostForm.Get("on"))
	if err != nil {
		return &problem{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: "The switch is true or false.", Field: "on"}
	}
	if on {
		if err := s.registerVirtual(r); err != nil {
			return err
		}
	}
	err = s.Live.Set(r.Context(), id, on)
	s.record(r, people.ActionBackfill, string(id), err, map[bool]string{true: "live points on", false: "live points off"}[on])
	if err != nil {
		return about(id, err)
	}
	http.Redirect(w, r, "/virtual", http.StatusSeeOther)
	return nil
}

func (s *Server) registerVirtual(r *http.Request) error {
	_, created, err := s.Registry.Register(r.Context(), devices.VirtualDevice)
	if created || err != nil {
		s.record(r, people.ActionRegister, string(devices.VirtualDevice), err)
	}
	return about(devices.VirtualDevice, err)
}

// backToRun leads to the page, which shows the closing message once the newest run has ended.
func (s *Server) backToRun(w http.ResponseWriter, r *http.Request) error {
	var started time.Time
	if p, ok := s.Backfills.Progress(devices.VirtualDevice); ok {
		started = p.Started
	}
	http.Redirect(w, r, views.VirtualPath(started), http.StatusSeeOther)
	return nil
}
