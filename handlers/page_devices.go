package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"iotcenter/devices"
	"iotcenter/views"
)

// closeIDs is how many ids are offered when a search finds nothing.
const closeIDs = 3

// showDevices lists the registered devices.
func (s *Server) showDevices(w http.ResponseWriter, r *http.Request) error {
	page, status, err := s.devicesPage(r, views.ParseListQuery(r.URL.Query()))
	if err != nil {
		return err
	}
	page.Shell = s.shell(w, r, "Device Registrations", "devices")
	if page.Unread {
		retryLater(w)
	}
	return s.render(w, r, status, views.Devices(page))
}

// devicesPage reads what the list shows: the rows, and of these alone the last entries and the activity.
func (s *Server) devicesPage(r *http.Request, q views.ListQuery) (views.DevicesPage, int, error) {
	ctx, now := r.Context(), s.Clock()
	page := views.DevicesPage{Query: q}
	unread := func(err error) (views.DevicesPage, int, error) {
		if !errors.Is(err, devices.ErrUnavailable) {
			return page, 0, err
		}
		page.Unread = true
		return page, http.StatusServiceUnavailable, nil
	}
	all, err := s.Registry.Count(ctx)
	if err != nil {
		return unread(err)
	}
	fleet, fleetErr := s.Fleet.Snapshot(ctx)
	if fleetErr != nil && !errors.Is(fleetErr, devices.ErrUnavailable) {
		return page, 0, fleetErr
	}
	page.All, page.Partial = all, fleetErr != nil
	if !fleet.At.IsZero() {
		page.Counts = fleet.Counts
	}
	o := devices.ListOptions{Prefix: q.Prefix, Sort: q.Sort, Desc: q.Desc, Offset: q.Offset(), Limit: q.Rows}
	if state, ok := q.Only(); ok {
		if fleet.At.IsZero() {
			return unread(fleetErr)
		}
		o.Only = func(id devices.ID) bool { return fleet.StateOf(id, fleet.At) == state }
	}
	list, err := s.Registry.List(ctx, o)
	if err != nil {
		return unread(err)
	}
	page.Total = list.Total
	if len(list.Devices) == 0 {
		if q.Prefix != "" && list.Total == 0 {
			page.Close, err = s.closeTo(ctx, q.Prefix)
		}
		return page, http.StatusOK, err
	}
	last, hours, err := s.activityOf(ctx, list.Devices, now)
	if err != nil {
		if !errors.Is(err, devices.ErrUnavailable) {
			return page, 0, err
		}
		page.Partial = true
	}
	page.Rows = views.NewDeviceRows(list.Devices, last, hours, now)
	for i := range page.Rows {
		profile, err := s.Profiles.Profile(page.Rows[i].ID) // from memory
		if err != nil {
			return unread(err)
		}
		page.Rows[i].Name = profile.Name
	}
	return page, http.StatusOK, nil
}

// activityOf asks twice, whatever the number of rows.
func (s *Server) activityOf(ctx context.Context, list []devices.Device, now time.Time) (last map[devices.ID]time.Time, hours map[devices.ID][devices.Hours]int, err error) {
	ids := make([]devices.ID, len(list))
	for i, d := range list {
		ids[i] = d.ID
	}
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		last, err = s.Activity.LastEntries(ctx, ids)
		return err
	})
	both.Go(func() (err error) {
		hours, err = s.Activity.HourlyCounts(ctx, ids, now)
		return err
	})
	err = both.Wait()
	return last, hours, err
}

// closeTo gives ids that begin like a prefix that no id has, as much of it as there is.
func (s *Server) closeTo(ctx context.Context, prefix string) ([]devices.ID, error) {
	for _, n := range [...]int{len(prefix) * 3 / 4, len(prefix) / 2, len(prefix) / 4} {
		if n == 0 {
			continue
		}
		list, err := s.Registry.List(ctx, devices.ListOptions{Prefix: prefix[:n], Limit: closeIDs})
		if err != nil {
			return nil, err
		}
		if len(list.Devices) > 0 {
			var ids []devices.ID
			for _, d := range list.Devices {
				ids = append(ids, d.ID)
			}
			return ids, nil
		}
	}
	return nil, nil
}
