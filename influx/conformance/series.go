package conformance

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// Series tests telemetry.Reader's Series.
func Series(t *testing.T, s Subject) {
	ctx := start(t)
	at := moment().Truncate(24 * time.Hour)
	ask := func(t *testing.T, q telemetry.SeriesQuery) telemetry.SeriesAnswer {
		t.Helper()
		got, err := s.DB.Series(ctx, q)
		if err != nil {
			t.Fatalf("Series: %v", err)
		}
		for _, q := range got.Queries {
			if q.Text == "" || q.Title == "" || q.Elapsed <= 0 {
				t.Errorf("a query that does not explain itself: %+v", q)
			}
		}
		return got
	}
	named := func(a telemetry.SeriesAnswer, name string) telemetry.Series {
		for _, s := range a.Series {
			if s.Field.Name == name {
				return s
			}
		}
		return telemetry.Series{}
	}

	t.Run("points as stored", func(t *testing.T) {
		s.Write(
			line("environment", "clientId=few", `Temperature=1.5,CO2=400i,custom=7,note="text",on=true`, at),
			line("environment", "clientId=few", "Temperature=2.5,CO2=401i", at.Add(time.Minute)),
			line("environment", "clientId=few", "Temperature=3.5", at.Add(2*time.Minute)), // stop: not in the range
			line("environment", "clientId=few2", "Temperature=99", at),
			line("elsewhere", "clientId=few", "Temperature=98", at),
		)
		got := ask(t, telemetry.SeriesQuery{Device: "few", Start: at, Stop: at.Add(2 * time.Minute), Points: 600})
		if !got.Raw || got.Every != 0 || len(got.Series) != 3 {
			t.Fatalf("raw %v, every %v, %d series; want three series as stored", got.Raw, got.Every, len(got.Series))
		}
		temperature := named(got, "Temperature")
		want := telemetry.Series{Field: temperature.Field, Times: []time.Time{at, at.Add(time.Minute)},
			Mean: []float64{1.5, 2.5}, Min: []float64{1.5, 2.5}, Max: []float64{1.5, 2.5}}
		if d := cmp.Diff(want, temperature); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]float64{400, 401}, named(got, "CO2").Mean); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]float64{7}, named(got, "custom").Mean); d != "" {
			t.Error(d)
		}
		one := ask(t, telemetry.SeriesQuery{Device: "few", Fields: []string{"CO2", "CO2", "nothing", "note"}, Start: at, Stop: at.Add(time.Hour), Points: 600})
		if len(one.Series) != 1 || one.Series[0].Field.Name != "CO2" {
			t.Errorf("CO2 alone: %+v", one.Series)
		}
		other := ask(t, telemetry.SeriesQuery{Device: "few", Measurement: "elsewhere", Start: at, Stop: at.Add(time.Hour), Points: 600})
		if d := cmp.Diff([]float64{98}, named(other, "Temperature").Mean); d != "" {
			t.Errorf("another measurement: %s", d)
		}
	})

	t.Run("a spike of a minute in thirty days", func(t *testing.T) {
		const minutes = 30 * 24 * 60
		first := at.AddDate(0, 0, -30)
		var b strings.Builder
		for i := range minutes {
			v, n := 20.0, 500
			if i == 30_000 {
				v, n = 77.5, -5
			}
			b.WriteString(line("environment", "clientId=spike", fmt.Sprintf("Temperature=%g,CO2=%di", v, n), first.Add(time.Duration(i)*time.Minute)) + "\n")
			if i%5000 == 4999 || i == minutes-1 {
				s.Write(b.String())
				b.Reset()
			}
		}
		// Neither end lies on the border of a window.
		start, stop := first.Add(90*time.Second), at.Add(-30*time.Second)
		got := ask(t, telemetry.SeriesQuery{Device: "spike", Start: start, Stop: stop, Points: 600})
		if got.Raw || got.Every <= 0 {
			t.Fatalf("raw %v, every %v", got.Raw, got.Every)
		}
		temperature, co2 := named(got, "Temperature"), named(got, "CO2")
		if n := len(temperature.Times); n < 100 || n > 602 {
			t.Errorf("%d windows for 600 pixels", n)
		}
		hits := 0
		for i, at := range temperature.Times {
			if i > 0 && !temperature.Times[i-1].Before(at) {
				t.Fatalf("times do not ascend at %d", i)
			}
			if at.Before(start) || !at.Before(stop) {
				t.Errorf("a window at %v lies outside of the range", at)
			}
			if temperature.Max[i] == 77.5 && temperature.Min[i] == 20 && temperature.Mean[i] > 20 && temperature.Mean[i] < 77.5 && co2.Min[i] == -5 {
				hits++
				spike := first.Add(30_000 * time.Minute)
				if at.After(spike) || !spike.Before(at.Add(got.Every)) {
					t.Errorf("the spike of %v is in the window of %v", spike, at)
				}
			}
		}
		if hits != 1 || len(co2.Times) != len(temperature.Times) {
			t.Errorf("the spike shows in %d windows", hits)
		}
		if !temperature.Times[0].Equal(start) {
			t.Errorf("the first window starts at %v, want it cut to %v", temperature.Times[0], start)
		}
		whole := ask(t, telemetry.SeriesQuery{Device: "spike", Start: first.Add(30_000 * time.Minute), Stop: first.Add(30_001 * time.Minute), Points: 600})
		if d := cmp.Diff([]float64{77.5}, named(whole, "Temperature").Mean); !whole.Raw || d != "" {
			t.Errorf("a minute of it: %s", d)
		}
	})

	t.Run("where most points lie does not matter", func(t *testing.T) {
		// Up to two points for a pixel come as they are stored, wherever they lie in the range.
		year := at.AddDate(-1, 0, 0)
		for name, c := range map[string]struct {
			first time.Time
			step  time.Duration
		}{
			"at the start":     {year, time.Minute},
			"before summer":    {at.AddDate(0, 0, -200), time.Minute},
			"some days ago":    {at.AddDate(0, 0, -30), time.Minute},
			"at the end":       {at.AddDate(0, 0, -1), time.Minute},
			"through the year": {year, 7 * time.Hour},
		} {
			id := "lies-" + strings.ReplaceAll(name, " ", "-")
			const points = 600
			var b strings.Builder
			for i := range 2 * points {
				b.WriteString(line("environment", "clientId="+id, "Temperature=1,CO2=2i", c.first.Add(time.Duration(i)*c.step)) + "\n")
			}
			s.Write(b.String())
			q := telemetry.SeriesQuery{Device: devices.ID(id), Start: year, Stop: at, Points: points}
			if got := ask(t, q); !got.Raw || len(named(got, "CO2").Times) != 2*points {
				t.Errorf("%s: raw %v, %d points, want %d as stored", name, got.Raw, len(named(got, "CO2").Times), 2*points)
			}
			s.Write(line("environment", "clientId="+id, "CO2=3i", c.first.Add(2*points*c.step)))
			if got := ask(t, q); got.Raw || len(got.Series) != 2 || len(named(got, "CO2").Times) > points+2 {
				t.Errorf("%s: one point more: raw %v, %d series, %d windows", name, got.Raw, len(got.Series), len(named(got, "CO2").Times))
			}
		}
		// A field of which only the oldest part of the range has points.
		s.Write(line("environment", "clientId=lies-at-the-end", "Humidity=50", year.Add(time.Hour)))
		if got := ask(t, telemetry.SeriesQuery{Device: "lies-at-the-end", Start: year, Stop: at, Points: 600}); len(got.Series) != 3 {
			t.Errorf("%d series with one that ended long ago, want 3", len(got.Series))
		}
	})

	t.Run("several series of one device", func(t *testing.T) {
		// Two sensors of one field, one three times as busy: a window's mean is the mean of all its points.
		var lines []string
		for i := range 600 {
			when := at.Add(time.Duration(i) * time.Second)
			lines = append(lines, line("environment", "clientId=two,TemperatureSensor=a", "Temperature=10", when))
			if i%3 == 0 {
				lines = append(lines, line("environment", "clientId=two,TemperatureSensor=b", "Temperature=50", when.Add(time.Millisecond)))
			}
		}
		s.Write(strings.Join(lines, "\n"))
		got := ask(t, telemetry.SeriesQuery{Device: "two", Start: at, Stop: at.Add(10 * time.Minute), Points: 20})
		temperature := named(got, "Temperature")
		if got.Raw || len(got.Series) != 1 || len(temperature.Times) < 5 {
			t.Fatalf("raw %v, %d series, %d windows", got.Raw, len(got.Series), len(temperature.Times))
		}
		for i := range temperature.Times {
			if math.Abs(temperature.Mean[i]-20) > 0.5 || temperature.Min[i] != 10 || temperature.Max[i] != 50 {
				t.Errorf("window %d: mean %v, min %v, max %v; want 20, 10, 50", i, temperature.Mean[i], temperature.Min[i], temperature.Max[i])
			}
		}
	})

	t.Run("nothing there", func(t *testing.T) {
		for _, q := range []telemetry.SeriesQuery{
			{Device: "nobody", Start: at, Stop: at.Add(time.Hour), Points: 600},
			{Device: "few", Start: at.AddDate(-1, 0, 0), Stop: at.AddDate(-1, 0, 1), Points: 600},
			{Device: "few", Measurement: "no such", Start: at, Stop: at.Add(time.Hour), Points: 600},
		} {
			if got := ask(t, q); len(got.Series) != 0 || !got.Start.Equal(q.Start) || !got.Stop.Equal(q.Stop) {
				t.Errorf("%+v: %+v", q, got)
			}
		}
	})

	t.Run("hostile names are only names", func(t *testing.T) {
		for _, name := range hostile {
			q := telemetry.SeriesQuery{Device: "few", Measurement: name, Fields: []string{name}, Start: at, Stop: at.Add(time.Hour), Points: 600}
			if got := ask(t, q); len(got.Series) != 0 {
				t.Errorf("%q matched %d series", name, len(got.Series))
			}
		}
	})

	t.Run("questions without sense", func(t *testing.T) {
		ok := telemetry.SeriesQuery{Device: "few", Start: at, Stop: at.Add(time.Hour), Points: 600}
		for name, change := range map[string]func(*telemetry.SeriesQuery){
			"no device":    func(q *telemetry.SeriesQuery) { q.Device = "" },
			"no range":     func(q *telemetry.SeriesQuery) { q.Stop = q.Start },
			"backwards":    func(q *telemetry.SeriesQuery) { q.Start, q.Stop = q.Stop, q.Start },
			"far away":     func(q *telemetry.SeriesQuery) { q.Stop = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC) },
			"many fields":  func(q *telemetry.SeriesQuery) { q.Fields = make([]string, 1000) },
			"not a device": func(q *telemetry.SeriesQuery) { q.Device = `x" or true` },
		} {
			q := ok
			change(&q)
			if _, err := s.DB.Series(ctx, q); !errors.Is(err, telemetry.ErrBadQuery) {
				t.Errorf("%s: %v, want ErrBadQuery", name, err)
			}
		}
	})
}

// hostile are names that would be something else if they were not quoted.
var hostile = []string{
	`environment" or true or r.x == "`, `${1+1}`, `\`, `\"`, `"; DROP MEASUREMENT environment; --`, `environment"; SELECT * FROM "environment`,
	"line\nbreak", "tab\tand\rreturn", "nul\x00byte", "'quoted'", `/.+/`, "ü€😀", "\xff\xfe", "a,b=c d", `'; SHOW DATABASES; SELECT '`,
}
