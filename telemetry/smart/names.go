package smart

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"iotcenter/telemetry"
)

// helium is the measurement of the time series dialect. Its rows have a shape of their own.
const helium = "helium"

// tagText tells whether a text can be a tag's key or value: [A-Za-z0-9_-]+. The original's words forget the digits,
// although its product_imei is made of them.
func tagText(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return s != ""
}

// checkName holds the name of a measurement, field or tag to what every name must be. It returns nil or the problem.
func checkName(name string) *BadRequestError {
	switch {
	case name == "":
		return bad("a name cannot be empty")
	case len(name) > MaxName:
		return bad("a name has at most " + strconv.Itoa(MaxName) + " bytes")
	case !utf8.ValidString(name):
		return bad("a name must be valid UTF-8")
	}
	for i := range len(name) {
		if name[i] < 0x20 || name[i] == 0x7f {
			return bad("a name cannot have control characters")
		}
	}
	return nil
}

// checkWritten is checkName for names that go into line protocol, where a backslash before a separator has no meaning
// that all readers share.
func checkWritten(name string) *BadRequestError {
	if problem := checkName(name); problem != nil {
		return problem
	}
	for i := range len(name) {
		if name[i] != '\\' {
			continue
		}
		if i+1 == len(name) || strings.IndexByte(`,= "`, name[i+1]) >= 0 {
			return bad("a name cannot have a backslash at its end, or before a comma, a space, an equals sign or a quote")
		}
	}
	return nil
}

// checkMeasurement tells whether a batch can go into a measurement.
func checkMeasurement(name string) *BadRequestError {
	switch {
	case name == helium:
		return bad(`"helium" holds the time series of the other dialect, whose rows have a shape of their own; write them there`)
	case strings.HasPrefix(name, "#"):
		return bad("a measurement cannot start with #")
	}
	return checkWritten(name)
}

// reserved tells whether a name is the database's own for a column of every answer.
func reserved(name string) bool {
	switch strings.ToLower(name) {
	case "time", "_time", "_start", "_stop", "_value", "_field", "_measurement",
		"_name", "_tagkey", "_fieldkey", "_serieskey", "_tags":
		return true
	}
	return false
}

// checkField tells whether a name can be that of a field, in a batch and in an answer.
func checkField(name string) *BadRequestError {
	switch {
	case name == telemetry.ClientTag:
		return bad("the name clientId is the app's own")
	case name == imeiTag:
		return bad("product_imei is a tag and cannot be a field")
	case name == "measurement", name == "tags":
		// An answer has these members besides its fields, and a JSON object has each name once.
		return bad("an answer has a member of this name already, so that no field can have it")
	case reserved(name):
		return bad("the name is reserved for the database")
	}
	return checkName(name)
}

// checkTagKey tells whether a name can be that of a tag, in a batch and in a query.
func checkTagKey(name string) *BadRequestError {
	switch {
	case name == telemetry.ClientTag:
		return bad("the tag clientId is the app's own")
	case reserved(name):
		return bad("the name is reserved for the database")
	}
	return checkName(name)
}

// checkTagKeyWritten is checkTagKey for a batch.
func checkTagKeyWritten(name string) *BadRequestError {
	if problem := checkTagKey(name); problem != nil {
		return problem
	}
	if !tagText(name) {
		return bad("the name of a tag has letters, digits, _ and - only")
	}
	return nil
}

// shown is a name as a message shows it: as it is where it is plain, else quoted and cut.
func shown(name string) string {
	const most = 64
	plain := name != "" && len(name) <= most
	for i := 0; plain && i < len(name); i++ {
		plain = tagText(name[i:i+1]) || name[i] == '.'
	}
	switch {
	case plain:
		return name
	case len(name) <= most:
		return strconv.Quote(name)
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(name[cut]) {
		cut--
	}
	return strconv.Quote(name[:cut]) + "…"
}
