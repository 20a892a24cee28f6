package telemetry

import "slices"

// Slots is the number of series colours.
const Slots = 8

// Catalogue is the fields that the app knows, in the order in which pages show them. Lat and Lon come last: they are
// numeric fields as well, but a map shows them best.
func Catalogue() []Field {
	return []Field{
		{Name: "Temperature", Title: "Temperature", Unit: "°C", Decimals: 1, Known: true, Min: 0, Max: 40,
			Scale: ScaleCoolWarm, Slot: 1, Sensor: "TemperatureSensor"},
		{Name: "Humidity", Title: "Humidity", Unit: "%", Decimals: 1, Known: true, Min: 0, Max: 100,
			Scale: ScaleBands, Bands: []Band{
				{30, "--offline-mark"}, {40, "--band-yellow"}, {60, "--online-mark"}, {70, "--band-yellow"}, {100, "--offline-mark"},
			}, Slot: 2, Sensor: "HumiditySensor"},
		{Name: "Pressure", Title: "Pressure", Unit: "hPa", Decimals: 0, Known: true, Min: 970, Max: 1050,
			Scale: ScaleCyanWarm, Slot: 3, Sensor: "PressureSensor"},
		{Name: "CO2", Title: "CO2", Unit: "ppm", Decimals: 0, Known: true, Min: 400, Max: 3000,
			Scale: ScaleCoolWarm, Slot: 4, Sensor: "CO2Sensor"},
		{Name: "TVOC", Title: "TVOC", Unit: "ppb", Decimals: 0, Known: true, Min: 250, Max: 2000,
			Scale: ScaleCoolWarm, Slot: 5, Sensor: "TVOCSensor"},
		{Name: "Lat", Title: "Latitude", Unit: "°", Decimals: 4, Known: true, Min: -90, Max: 90,
			Scale: ScaleCoolWarm, Slot: 6, Sensor: "GPSSensor"},
		{Name: "Lon", Title: "Longitude", Unit: "°", Decimals: 4, Known: true, Min: -180, Max: 180,
			Scale: ScaleCoolWarm, Slot: 7, Sensor: "GPSSensor"},
	}
}

// Lookup gives what is known of a field. A field that is not in the catalogue has its name as title, no unit, and no
// range (Min equals Max): its range comes from its data, see Field.Ranged. Its slot is the last one, until Arrange
// gives it one of its own.
func Lookup(name string) Field {
	for _, f := range Catalogue() {
		if f.Name == name {
			return f
		}
	}
	return unknown(name)
}

func unknown(name string) Field {
	return Field{Name: name, Title: name, Decimals: 2, Scale: ScaleCoolWarm, Slot: Slots, Sensor: name + "Sensor"}
}

// Ranged is the field with a range: its own, or for an unknown field one that surrounds its data.
func (f Field) Ranged(low, high float64) Field {
	if f.Min >= f.Max {
		f.Min, f.Max = niceRange(low, high)
	}
	return f
}

// LookupIn gives what is known of a field of a measurement: of `telemetry` and `analysis` by their schema, of `helium` by
// the reserved ports, of any other measurement by the catalogue. A name of the first three that is not known there is
// unknown, even if the catalogue has one like it: what another dialect calls Pressure can have another unit.
func LookupIn(measurement, name string) Field {
	known, own := catalogueOf(measurement)
	if !own {
		return Lookup(name)
	}
	for _, f := range known {
		if f.Name == name {
			return f
		}
	}
	return unknown(name)
}

// catalogueOf gives the known fields of a measurement in the order of pages, with the colours that they have all together.
// own is false where they are those of Catalogue.
func catalogueOf(measurement string) (fields []Field, own bool) {
	switch measurement {
	case Telemetry, Analysis:
		for _, s := range Schema(measurement) {
			fields = append(fields, schemedField(s))
		}
	case Helium:
		fields = slices.Clone(reserved)
	default:
		return Catalogue(), false
	}
	for i := range fields {
		f := &fields[i]
		f.Known, f.Slot, f.Dashed = true, i%Slots+1, i >= Slots
	}
	return fields, true
}

// schemedField is a field of the schema on a page. Only shares have a range of their own: how much a current or a power
// can be depends on the product.
func schemedField(s Schemed) Field {
	f := Field{Name: s.Name, Title: s.Title, Unit: s.Unit, Decimals: 2, Scale: ScaleCoolWarm}
	switch {
	case s.Kind == KindInteger:
		f.Decimals = 0
	case s.Unit == "W" || s.Unit == "VA" || s.Unit == "Wh" || s.Unit == "°C" || s.Unit == "%":
		f.Decimals = 1
	}
	if s.Unit == "%" {
		f.Max = 100
	}
	return f
}

// Arrange is ArrangeIn for Environment.
func Arrange(names []string) []Field { return ArrangeIn(Environment, names) }

// ArrangeIn puts fields of a measurement into the order of pages: known ones as in the catalogue, then the others by
// name. Those of Environment have fixed colours, and the others get the ones that no known field of the list has. In a
// measurement that knows more fields than there are colours, each colour goes to the next field of the list. When the
// colours run out they repeat, dashed. Names that occur twice count once.
func ArrangeIn(measurement string, names []string) []Field {
	names = slices.Clone(names)
	slices.Sort(names)
	names = slices.Compact(names)

	fields := make([]Field, 0, len(names))
	var taken [Slots + 1]bool
	catalogue, own := catalogueOf(measurement)
	for _, f := range catalogue {
		if at, found := slices.BinarySearch(names, f.Name); found {
			if own {
				f.Slot, f.Dashed = len(fields)%Slots+1, len(fields) >= Slots
			}
			fields = append(fields, f)
			taken[f.Slot] = true
			names = slices.Delete(names, at, at+1)
		}
	}
	var free []int
	for slot := 1; slot <= Slots; slot++ {
		if !taken[slot] {
			free = append(free, slot)
		}
	}
	repeated := max(len(fields)-Slots, 0) // colours that known fields repeat
	for i, name := range names {
		f := unknown(name)
		if i < len(free) {
			f.Slot = free[i]
		} else {
			f.Slot, f.Dashed = (i-len(free)+repeated)%Slots+1, true
		}
		fields = append(fields, f)
	}
	return fields
}
