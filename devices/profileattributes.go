package devices

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// tidyAttributes gives attributes as compact JSON with every number as it was written; nil for none.
func tidyAttributes(raw json.RawMessage) (json.RawMessage, error) {
	bad := func(problem string) (json.RawMessage, error) { return nil, &InvalidProfileError{"attributes", problem} }
	if len(raw) == 0 {
		return nil, nil
	}
	if !utf8.Valid(raw) {
		return bad("Attributes are text in UTF-8.")
	}
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		return bad("Attributes are a JSON object, and this is no JSON: " + err.Error() + ".")
	}
	switch compact := out.Bytes(); {
	case compact[0] != '{':
		return bad("Attributes are a JSON object.")
	case len(compact) > MaxAttributes:
		return bad(fmt.Sprintf("All attributes together have at most %d bytes; these have %d.", MaxAttributes, len(compact)))
	case string(compact) == "{}":
		return nil, nil
	}
	if problem := attributesProblem(out.Bytes()); problem != "" {
		return bad(problem)
	}
	return bytes.Clone(out.Bytes()), nil
}

// attributesProblem looks for what programs read in different ways, or not at all: a key that an object has twice,
// however it is escaped, and a depth that nobody needs. raw is valid JSON.
func attributesProblem(raw []byte) string {
	type level struct {
		keys map[string]bool // nil in an array
		key  bool            // the next token of this object is a key
	}
	var levels []level
	tokens := json.NewDecoder(bytes.NewReader(raw))
	tokens.UseNumber()
	for {
		token, err := tokens.Token()
		if err != nil { // the end; that it is valid is known
			return ""
		}
		if inner := len(levels) - 1; inner >= 0 && levels[inner].keys != nil {
			in := &levels[inner]
			if name, ok := token.(string); ok && in.key {
				if in.keys[name] {
					return fmt.Sprintf("The key %q occurs twice in one object.", cutText(name))
				}
				in.keys[name], in.key = true, false
				continue
			}
			in.key = true // after this value
		}
		switch token {
		case json.Delim('{'):
			levels = append(levels, level{keys: make(map[string]bool), key: true})
		case json.Delim('['):
			levels = append(levels, level{})
		case json.Delim('}'), json.Delim(']'):
			levels = levels[:len(levels)-1]
		}
		if len(levels) > MaxDepth {
			return fmt.Sprintf("Attributes have at most %d arrays and objects within each other.", MaxDepth)
		}
	}
}

// cutText is the beginning of a text, for a message.
func cutText(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	end := most
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
