package handlers

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/gorilla/mux"

	"iotcenter/people"
)

// endpoint describes one route of the APIs. Who may use it, which errors look how, and what is in its path follow from
// the route itself.
type endpoint struct {
	method, path string
	group        string // of the readable pages; see groups
	title        string
	about        string
	query        []parameter
	body         *content
	answers      []answer // successes
	example      example
}

// parameter is one of the query.
type parameter struct {
	name   string
	about  string
	schema schema
	need   bool
}

// content is a request's body.
type content struct {
	kind     string // media type
	schema   schema
	optional bool
}

// answer is a success.
type answer struct {
	status int
	about  string
	kind   string // media type; "" without a body
	schema schema
}

// example is what the readable page's snippets send.
type example struct {
	query string // as in an address, without "?"
	body  string
}

// jsonKind is the media type of nearly everything.
const jsonKind = "application/json"

func takesJSON(s schema) *content { return &content{kind: jsonKind, schema: s} }

func answersJSON(status int, about string, s schema) []answer {
	return []answer{{status, about, jsonKind, s}}
}

// group is a part of the APIs with a page of its own.
type group struct {
	name, title, about string
}

// groups are the parts in the order of the pages.
func groups() []group {
	return []group{
		{"devices", "Devices", "Registering devices, their configuration, their data as series, and the probes of this program. An error is {\"code\",\"message\",\"field\",\"request_id\"}."},
		{"line-protocol", "Line protocol", "What devices and InfluxDB's client libraries write to: InfluxDB's own write API, behind a fence around each device. The credential is the device's write token. An error is {\"code\",\"message\"}, as InfluxDB's."},
		{"smart", "SMART", "Product data as fields of times and values. A product is a registered device with an id of at most 15 letters, digits, _ and -. Every answer is {\"status\",\"message\",\"data\"}; of a failure, data is null."},
		{"helium", "Helium", "Time series of any JSON value on named ports, sensors, and labels. An error is {\"errors\":[{\"status\",\"detail\"}]}."},
	}
}

// endpoints are all that is described, group by group.
func endpoints() []endpoint {
	var out []endpoint
	for _, some := range [][]endpoint{deviceEndpoints(), gatewayEndpoints(), smartEndpoints(), heliumEndpoints()} {
		out = append(out, some...)
	}
	return out
}

// inPath are the variables of paths: what they are, and one for examples.
var inPath = map[string]struct{ about, example string }{
	"id":     {"The device's id: 1 to 64 letters, digits, and . _ : -", "greenhouse-1"},
	"imei":   {"The product's product_imei: 1 to 15 letters, digits, _ and -", "000000000000000"},
	"type":   {"The product type's name", "bpower50"},
	"sensor": {"The sensor's UUID, or the device's id", "greenhouse-1"},
	"label":  {"The label's UUID", "f0e36cac-a87f-4388-9ce4-102b3f01822a"},
}

var pathVariable = regexp.MustCompile(`\{(\w+)\}`)

// apiDocRoutes are the description for programs and for people.
func (s *Server) apiDocRoutes() {
	s.get("/api/openapi.json", apiReading, s.json(s.showOpenAPI))
	s.get("/api-docs", seeing, s.html(s.showAPIDocs))
	s.get("/api-docs/{group}", seeing, s.html(s.showAPIDocs))
}

// showOpenAPI answers with the description of all APIs.
func (s *Server) showOpenAPI(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, s.openAPI(s.publicURL(r)))
	return nil
}

// openAPI is the description as an OpenAPI 3.1 document.
func (s *Server) openAPI(base string) schema {
	paths := map[string]schema{}
	for _, e := range endpoints() {
		if paths[e.path] == nil {
			paths[e.path] = schema{}
		}
		paths[e.path][strings.ToLower(e.method)] = s.operation(e)
	}
	tags := []schema{}
	for _, g := range groups() {
		tags = append(tags, schema{"name": g.title, "description": g.about})
	}
	return schema{
		"openapi": "3.1.0",
		"info":    schema{"title": "IoT Center", "version": s.Version, "description": "The JSON APIs of IoT Center. The write gateway's line protocol is described for completeness."},
		"servers": []schema{{"url": base}},
		"tags":    tags,
		"paths":   paths,
		"components": schema{
			"schemas": components(),
			"securitySchemes": schema{
				"apiKey":      schema{"type": "http", "scheme": "bearer", "description": "An API key: Authorization: Bearer <key>. `Token <key>` and `Token token=<key>` are taken as well; the Helium API also takes the bare key."},
				"deviceToken": schema{"type": "http", "scheme": "bearer", "description": "A device's write token: Authorization: Token <token> or Bearer <token>."},
			},
		},
	}
}

// operation is one route in the document.
func (s *Server) operation(e endpoint) schema {
	out := schema{"operationId": operationID(e), "summary": e.title, "tags": []string{groupTitle(e.group)}}
	about := e.about
	if level := s.levelOf(e); level != people.NoLevel {
		about = strings.TrimSpace(about + "\n\nNeeds an API key of level " + level.String() + " or above.")
		out["security"] = []schema{{"apiKey": []string{}}}
	} else if e.group == "line-protocol" && e.body != nil || e.path == "/api/env/{id}" {
		out["security"] = []schema{{"deviceToken": []string{}}}
	}
	if about != "" {
		out["description"] = about
	}
	var parameters []schema
	for _, match := range pathVariable.FindAllStringSubmatch(e.path, -1) {
		v := inPath[match[1]]
		parameters = append(parameters, schema{"name": match[1], "in": "path", "required": true, "description": v.about, "schema": schema{"type": "string"}, "example": v.example})
	}
	for _, p := range e.query {
		parameters = append(parameters, schema{"name": p.name, "in": "query", "required": p.need, "description": p.about, "schema": p.schema})
	}
	if parameters != nil {
		out["parameters"] = parameters
	}
	if e.body != nil {
		media := schema{"schema": e.body.schema}
		if e.body.kind == jsonKind && e.example.body != "" {
			media["example"] = json.RawMessage(e.example.body)
		}
		out["requestBody"] = schema{"required": !e.body.optional, "content": schema{e.body.kind: media}}
	}
	responses := schema{"default": schema{
		"description": "What went wrong. 429 and 503 pass and carry Retry-After.",
		"content":     schema{jsonKind: schema{"schema": component(errorComponent(e.path))}},
	}}
	for _, a := range e.answers {
		response := schema{"description": a.about}
		if a.kind != "" {
			response["content"] = schema{a.kind: schema{"schema": a.schema}}
		}
		responses[strconv.Itoa(a.status)] = response
	}
	out["responses"] = responses
	return out
}

// levelOf is the least level of an API key that opens an endpoint, by the rule of its route.
func (s *Server) levelOf(e endpoint) people.Level {
	level := people.NoLevel
	_ = s.router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error { // the function never errs
		path, _ := route.GetPathTemplate()
		methods, _ := route.GetMethods()
		for _, m := range methods {
			if path == e.path && m == e.method {
				level = s.rules[route].level
			}
		}
		return nil
	})
	return level
}

// operationID names an operation for generated clients: "getProductsImeiData".
func operationID(e endpoint) string {
	var b strings.Builder
	b.WriteString(strings.ToLower(e.method))
	for part := range strings.FieldsFuncSeq(e.path, func(r rune) bool { return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9') }) {
		if part != "v1" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

func groupTitle(name string) string {
	for _, g := range groups() {
		if g.name == name {
			return g.title
		}
	}
	return name
}

// errorComponent is the schema of errors of a path.
func errorComponent(path string) string {
	switch faceOfPath(path) {
	case faceSmart:
		return "SmartFailure"
	case faceHelium:
		return "HeliumErrors"
	case faceGateway:
		return "InfluxError"
	default:
		return "Error"
	}
}

// components are the schemas that have names.
func components() schema {
	out := schema{
		"Error": object(with("code", text("for programs: invalid, unauthorized, not_found, …")), with("message", text("a sentence for people")),
			maybe("field", text("the parameter or field to blame")), with("request_id", text("finds the request in the log"))),
		"InfluxError":  object(with("code", text("InfluxDB's word")), with("message", text("what is wrong, with the line"))),
		"SmartFailure": object(with("status", constant("failure")), with("message", text("what is wrong, and where")), with("data", schema{"type": "null"})),
		"HeliumErrors": object(with("errors", listSchema(object(with("status", text("the HTTP status")), with("detail", text("what is wrong")))))),
		"Device":       object(with("key", text("id of the device's authorization in InfluxDB")), with("deviceId", text("")), with("createdAt", timeText("")))}
	for _, more := range []schema{smartComponents(), heliumComponents()} {
		for name, s := range more {
			out[name] = s
		}
	}
	return out
}
