package views

import (
	"strconv"
	"strings"
	"time"

	"iotcenter/telemetry"
)

// Shell is what surrounds every page: navigation, the database's line, messages, help.
type Shell struct {
	Title    string // the page's name: in the window's title and in a phone's top bar
	Nav      string // the current entry: the Key of a navEntry, "account", or ""
	Help     string // name of the help text, if it is not Nav
	HelpOpen bool   // the person had it open
	Theme    string // "light", "dark", or "" to follow the system
	Path     string // the page's own path and query, to come back to
	Now      time.Time
	Devices  int // registered devices; negative where nobody knows
	Flashes  []Flash
	Database telemetry.DatabaseStatus
	Version  string
	Styles   []string // further style sheets of package static, such as "dashboard.css"
	Scripts  []string // further scripts of package static, loaded in this order before app.js

	Person      Person    // who is signed in; the zero value is nobody
	Waiting     int       // devices in the approval inbox
	WindowUntil time.Time // until when unknown devices enrol by asking; zero or past: they do not
}

// FlashKind chooses colour and icon of a message.
type FlashKind string

// The kinds of message.
const (
	FlashOK    FlashKind = "ok"
	FlashWarn  FlashKind = "warn"
	FlashError FlashKind = "bad"
	FlashInfo  FlashKind = "info"
)

// Flash is a message above the content. It stays until the person leaves or closes it.
type Flash struct {
	Kind FlashKind
	Text string
	Mark string // the part of Text to set in mono, such as a device's id; may be ""

	// What is shown this once. A page shows it in a message and nowhere else.
	Secret string       // in mono, with a button that copies it; may be ""
	Ask    string       // the address at which a device asks with the secret; may be ""
	Setup  *DeviceSetup // what a device needs to write, for a QR code; nil for none
}

// parts cuts the text around Mark.
func (f Flash) parts() (before, mark, after string) {
	if f.Mark == "" {
		return f.Text, "", ""
	}
	before, after, found := strings.Cut(f.Text, f.Mark)
	if !found {
		return f.Text, "", ""
	}
	return before, f.Mark, after
}

func (f Flash) icon() string {
	switch f.Kind {
	case FlashOK:
		return "circle-check"
	case FlashWarn:
		return "clock"
	case FlashError:
		return "circle-alert"
	default:
		return "info"
	}
}

// helpTopic is the name of the page's help text.
func (s Shell) helpTopic() string {
	if s.Help != "" {
		return s.Help
	}
	return s.Nav
}

// hasHelp tells whether there is a help text for the page.
func (s Shell) hasHelp() bool { return helpText(s.helpTopic()) != "" }

// nextTheme is what the theme button asks for.
func (s Shell) nextTheme() string {
	if s.Theme == "dark" {
		return "light"
	}
	return "dark"
}

// databaseLine is the database's state in a few words.
func (s Shell) databaseLine() string {
	switch {
	case s.Database.Ready && s.Database.Latency > 0:
		return "Database ready, " + milliseconds(s.Database.Latency)
	case s.Database.Ready:
		return "Database ready"
	case s.Database.LastOK.IsZero():
		return "Database not ready yet"
	default:
		return "Database not answering"
	}
}

// retryIn is the time until the database is tried again, in seconds, at least 1; 0 where nobody knows.
func (s Shell) retryIn() int {
	if s.Database.NextTry.IsZero() {
		return 0
	}
	return max(1, int((s.Database.NextTry.Sub(s.Now)+time.Second-1)/time.Second))
}

// Blocked is the reason why forms that write are disabled; "" when they are not.
func (s Shell) Blocked() string {
	if s.Database.Ready {
		return ""
	}
	return "The database does not answer, so nothing can be changed right now."
}

// milliseconds writes a short time: "4 ms", "0.4 ms".
func milliseconds(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 0.95 {
		return strconv.FormatFloat(max(ms, 0.1), 'f', 1, 64) + " ms"
	}
	return telemetry.FormatNumber(ms, 0) + " ms"
}
