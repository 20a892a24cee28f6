package handlers

// schema is a JSON Schema (2020-12), as OpenAPI 3.1 uses it.
type schema map[string]any

// member is a member of an object.
type member struct {
	name     string
	schema   schema
	optional bool
}

// with is a member that is always there; maybe is one that can be missing.
func with(name string, s schema) member  { return member{name, s, false} }
func maybe(name string, s schema) member { return member{name, s, true} }

// object is an object of these members and no others.
func object(members ...member) schema {
	properties, required := schema{}, []string{}
	for _, m := range members {
		properties[m.name] = m.schema
		if !m.optional {
			required = append(required, m.name)
		}
	}
	out := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

// open is an object that may have further members, of a schema of their own.
func open(further schema, members ...member) schema {
	out := object(members...)
	out["additionalProperties"] = further
	return out
}

func listSchema(item schema) schema { return schema{"type": "array", "items": item} }

// pair is a list of exactly these.
func pair(items ...schema) schema {
	return schema{"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
}

func text(about string) schema    { return described("string", about) }
func integer(about string) schema { return described("integer", about) }
func numeric(about string) schema { return described("number", about) }
func boolean(about string) schema { return described("boolean", about) }

func described(kind, about string) schema {
	out := schema{"type": kind}
	if about != "" {
		out["description"] = about
	}
	return out
}

// and adds a keyword.
func (s schema) and(keyword string, value any) schema {
	out := schema{keyword: value}
	for k, v := range s {
		if k != keyword {
			out[k] = v
		}
	}
	return out
}

// orNull lets a schema of one type be null as well.
func (s schema) orNull() schema {
	if kind, ok := s["type"].(string); ok {
		return s.and("type", []string{kind, "null"})
	}
	return schema{"anyOf": []schema{s, {"type": "null"}}}
}

// oneOfTexts is one of a few words.
func oneOfTexts(words ...string) schema { return schema{"type": "string", "enum": words} }

// constant is one text.
func constant(word string) schema { return schema{"type": "string", "const": word} }

// anything is any JSON value.
func anything(about string) schema { return schema{"description": about} }

// timeText is a time in RFC 3339.
func timeText(about string) schema { return text(about).and("format", "date-time") }

// uuidText is a UUID.
func uuidText(about string) schema { return text(about).and("format", "uuid") }

// component refers to a schema that has a name of its own in the document.
func component(name string) schema { return schema{"$ref": "#/components/schemas/" + name} }
