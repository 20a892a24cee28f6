package helium

import "iotcenter/telemetry"

// ReservedPort is what the dialect reserves a port's name for; false for a name of anybody's. The table stands in
// telemetry, because dashboards have it too.
func ReservedPort(port string) (title, unit string, ok bool) { return telemetry.ReservedPort(port) }
