package telemetry

// Helium is the measurement of the Helium dialect. Its points have a port, a tag, in place of field names of their own:
// what charts, gauges and tables show of it as fields are the ports.
const Helium = "helium"

// reserved is what the Helium dialect reserves names of ports for, in the order in which pages show them.
var reserved = []Field{
	{Name: "t", Title: "Temperature", Unit: "°C", Decimals: 1, Scale: ScaleCoolWarm},
	{Name: "h", Title: "Humidity", Unit: "%", Decimals: 1, Min: 0, Max: 100, Scale: ScaleCoolWarm},
	{Name: "p", Title: "Pressure", Unit: "Pa", Scale: ScaleCyanWarm},
	{Name: "l", Title: "Light", Unit: "%", Decimals: 1, Min: 0, Max: 100, Scale: ScaleCoolWarm},
	{Name: "b", Title: "Battery", Unit: "mV", Scale: ScaleCoolWarm},
	{Name: "d", Title: "Door", Min: 0, Max: 3, Scale: ScaleCoolWarm},
	{Name: "m", Title: "Motion", Min: 0, Max: 1, Scale: ScaleCoolWarm},
	{Name: "_e", Title: "Helium network event", Scale: ScaleCoolWarm},
	{Name: "_se", Title: "Sensor event", Scale: ScaleCoolWarm},
}

// ReservedPort is what the Helium dialect reserves a port's name for; false for a name of anybody's.
func ReservedPort(port string) (title, unit string, ok bool) {
	for _, f := range reserved {
		if f.Name == port {
			return f.Title, f.Unit, true
		}
	}
	return "", "", false
}
