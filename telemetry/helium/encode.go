package helium

import (
	"bytes"
	"strconv"
	"strings"
)

// encode writes a point as a line; the intake adds whose it is.
func encode(port string, f fields, created, at int64) []byte {
	line := make([]byte, 0, 128+len(port)+len(f.text)+len(f.json))
	line = append(line, Measurement+","+PortTag+"="...)
	line = append(line, tagEscapes.Replace(EscapePort(port))...)
	line = append(line, " "+CreatedField+"="...)
	line = strconv.AppendInt(line, created, 10)
	line = append(line, 'i')
	if f.hasNumber {
		line = append(line, ","+NumberField+"="...)
		line = strconv.AppendFloat(line, f.number, 'g', -1, 64)
		line = append(line, ","+AtField+"="...)
		line = strconv.AppendInt(line, at, 10)
		line = append(line, 'i')
	}
	if f.hasBoolean {
		line = append(line, ","+BooleanField+"="...)
		line = strconv.AppendBool(line, f.boolean)
	}
	if f.hasText {
		line = append(line, ","+TextField+"="...)
		line = appendQuoted(line, []byte(f.text))
	}
	if f.json != nil {
		line = append(line, ","+JSONField+"="...)
		line = appendQuoted(line, f.json)
	}
	line = append(line, ' ')
	line = strconv.AppendInt(line, at, 10)
	return append(line, '\n')
}

// tagEscapes are those of a tag's value; EscapePort leaves no backslash in it.
var tagEscapes = strings.NewReplacer(",", `\,`, "=", `\=`, " ", `\ `)

// appendQuoted writes the text of a field, in which only these two have an escape.
func appendQuoted(line, text []byte) []byte {
	line = append(line, '"')
	for {
		i := bytes.IndexAny(text, `"\`)
		if i < 0 {
			break
		}
		line = append(line, text[:i]...)
		line = append(line, '\\', text[i])
		text = text[i+1:]
	}
	line = append(line, text...)
	return append(line, '"')
}
