package views

// htmxConfig makes htmx fit the policy (nothing is evaluated, no style is added) and lets a form that failed show itself.
const htmxConfig = `{"allowEval":false,"includeIndicatorStyles":false,"selfRequestsOnly":true,"historyCacheSize":0,` +
	`"responseHandling":[{"code":"204","swap":false},{"code":"[23]..","swap":true},{"code":"422","swap":true},{"code":"[45]..","swap":false,"error":true}]}`

// windowTitle is what the window and bookmarks are called.
func windowTitle(title string) string {
	if title == "" || title == "IoT Center" {
		return "IoT Center"
	}
	return title + " · IoT Center"
}

// colorScheme tells the browser how to draw its own parts.
func colorScheme(theme string) string {
	if theme == "" {
		return "light dark"
	}
	return theme
}
