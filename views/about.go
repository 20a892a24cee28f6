package views

// AboutPage is versions and licences.
type AboutPage struct {
	Shell
	GoVersion string
	Parts     []Part
}

// Part is a piece of software that the app is made of.
type Part struct {
	Name, Use, Licence string
}

// Parts are what the program and its pages are made of, the larger ones by name.
func Parts() []Part {
	return []Part{
		{"InfluxDB 1.8", "the storage of the database that is built in", "MIT"},
		{"Flux", "the query language", "MIT"},
		{"influxdb-client-go", "talking to InfluxDB 2", "MIT"},
		{"bbolt", "the catalogue of the database that is built in", "MIT"},
		{"templ, gorilla/mux, gorilla/sessions", "pages and routes", "MIT, BSD-3-Clause"},
		{"go-echarts, Apache ECharts", "charts", "MIT, Apache-2.0"},
		{"htmx", "parts of pages that change", "BSD Zero Clause"},
		{"Pico CSS", "the ground of the style sheet", "MIT"},
		{"Geist and Geist Mono", "the typefaces", "SIL Open Font License 1.1"},
		{"Lucide", "the icons", "ISC"},
		{"Prometheus client, klauspost/compress, kong", "metrics, compression, configuration", "Apache-2.0, BSD-3-Clause, MIT"},
	}
}

// database names the database in use.
func (p AboutPage) database() string {
	name := "InfluxDB"
	if p.Database.Embedded {
		name = "InfluxDB, built in"
	}
	if p.Database.Version != "" {
		name += ", " + p.Database.Version
	}
	return name
}

// themeChoices are the three looks.
func themeChoices() []struct{ Value, Name string } {
	return []struct{ Value, Name string }{{"", "As the system"}, {"light", "Light"}, {"dark", "Dark"}}
}

// pressed is the value of aria-pressed.
func pressed(is bool) string {
	if is {
		return "true"
	}
	return "false"
}
