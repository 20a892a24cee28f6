package telemetry

// ScaleKind says how a gauge colours its arc.
type ScaleKind string

// The kinds of scale that gauges know.
const (
	ScaleCoolWarm ScaleKind = "cool-warm" // gradient #00aaff to #ff6666, toned by the theme
	ScaleCyanWarm ScaleKind = "cyan-warm" // gradient #00ffff to #ff6666
	ScaleBands    ScaleKind = "bands"     // Bands decide
)

// Band is a piece of a banded scale: up to Until (in the field's unit) it has the colour of the token.
type Band struct {
	Until float64
	Color string // a token of the design: "--offline-mark", "--band-yellow", "--online-mark"
}

// Field is what the app knows of a field: how to title, scale and round it. A field that the catalogue does not know
// has its name as title and no unit.
type Field struct {
	Name     string
	Title    string
	Unit     string
	Decimals int  // digits after the point for people
	Known    bool // from the catalogue
	Min, Max float64
	Scale    ScaleKind
	Bands    []Band
	Slot     int    // 1 to 8: its series colour --s1 … --s8; known fields have a fixed one
	Dashed   bool   // the colours ran out and repeat
	Sensor   string // the tag that names its sensor, such as TemperatureSensor
}
