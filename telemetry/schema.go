package telemetry

// The measurements of the SMART dialect whose fields have a schema.
const (
	Telemetry = "telemetry" // what a product measures
	Analysis  = "analysis"  // what is computed from it
)

// Schemed is a field of the schema: what it measures, and the type that it has in the database.
type Schemed struct {
	Name  string
	Title string
	Unit  string
	Kind  FieldKind
}

// Schema is what the app knows of a measurement's fields, the ones that people ask for first leading; nil for a measurement
// without a schema. product_imei, which the tables list as a field, is a tag.
func Schema(measurement string) []Schemed {
	switch measurement {
	case Telemetry:
		return []Schemed{
			{"current", "Current", "A", KindFloat},
			{"voltage", "Voltage", "V", KindFloat},
			{"active_power", "Active power", "W", KindFloat},
			{"state_of_charge_percent", "State of charge", "%", KindInteger},
			{"state_of_charge_wh", "State of charge", "Wh", KindFloat},
			{"temperature", "Temperature", "°C", KindFloat},
			{"energy", "Energy", "Wh", KindFloat},
			{"current_in", "Current in", "A", KindFloat},
			{"current_out", "Current out", "A", KindFloat},
			{"charge_current", "Charge current", "A", KindFloat},
			{"dc_load_current", "DC load current", "A", KindFloat},
			{"pack_current", "Pack current", "A", KindFloat},
			{"usb_current", "USB current", "A", KindFloat},
			{"panel_voltage", "Panel voltage", "V", KindFloat},
			{"ac_current", "AC current", "A", KindFloat},
			{"ac_voltage", "AC voltage", "V", KindFloat},
			{"apparent_power", "Apparent power", "VA", KindFloat},
			{"pulse_count", "Pulse count", "", KindInteger},
			{"voltage_cell_1", "Voltage of cell 1", "V", KindFloat},
			{"voltage_cell_2", "Voltage of cell 2", "V", KindFloat},
			{"voltage_cell_3", "Voltage of cell 3", "V", KindFloat},
			{"voltage_cell_4", "Voltage of cell 4", "V", KindFloat},
		}
	case Analysis:
		return []Schemed{
			{"state_of_charge", "State of charge", "%", KindFloat},
			{"energy_in", "Energy in", "Wh", KindFloat},
			{"energy_out", "Energy out", "Wh", KindFloat},
			{"discharge_ah", "Discharged charge", "Ah", KindFloat},
			{"discharge_wh", "Discharged energy", "Wh", KindFloat},
			{"discharge_imax", "Highest discharge current", "A", KindFloat},
			{"discharge_vmax", "Highest discharge voltage", "V", KindFloat},
			{"discharge_vmin", "Lowest discharge voltage", "V", KindFloat},
			{"discharge_end", "End of discharge", "", KindInteger},
			{"gap_end", "End of gap", "", KindFloat},
			{"lvd", "Low-voltage disconnect", "", KindFloat},
		}
	}
	return nil
}

// schemas is Schema by measurement and name.
var schemas = func() map[string]map[string]Schemed {
	out := map[string]map[string]Schemed{}
	for _, m := range []string{Telemetry, Analysis} {
		out[m] = map[string]Schemed{}
		for _, f := range Schema(m) {
			out[m][f.Name] = f
		}
	}
	return out
}()

// Expected gives what the schema says of a field; false where it says nothing.
func Expected(measurement, name string) (Schemed, bool) {
	f, known := schemas[measurement][name]
	return f, known
}
