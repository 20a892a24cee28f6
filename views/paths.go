package views

import (
	"net/url"
	"strings"

	"iotcenter/devices"
)

// localPath makes sure that an address stays on this site; anything else becomes the home page. Browsers read a
// backslash as a slash and drop tabs and line breaks, so none of these may stand in it.
func localPath(p string) string {
	if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.ContainsAny(p, "\\\t\r\n\x00") {
		return "/"
	}
	return p
}

// LocalPath is localPath for those who redirect.
func LocalPath(p string) string { return localPath(p) }

// DevicePath is the address of a device's page.
func DevicePath(id devices.ID) string {
	if id == "new" {
		return deviceBase(id) + "?device" // the form for a new device stands at the address itself
	}
	return deviceBase(id)
}

func deviceBase(id devices.ID) string { return "/devices/" + url.PathEscape(string(id)) }

// languagePath is a device's page with the snippet of a language.
func languagePath(id devices.ID, language string) string {
	return deviceBase(id) + "?device&lang=" + url.QueryEscape(language) + "#connect"
}

// DashboardPath is the address of a device's dashboard.
func DashboardPath(id devices.ID) string { return "/dashboard/" + url.PathEscape(string(id)) }

// RemovePath is the address of the question before a device's removal.
func RemovePath(id devices.ID) string { return deviceBase(id) + "/remove" }

// pathEscape makes a text one piece of a path.
func pathEscape(s string) string { return url.PathEscape(s) }
