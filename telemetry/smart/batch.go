package smart

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"iotcenter/telemetry"
)

// Batch is the body of a write.
type Batch struct {
	Measurement string
	Tags        []telemetry.Tag // sorted by key; without product_imei where the route names the product
	IMEI        string          // product_imei of the tags; "" if there is none
	Fields      []BatchField    // in the order of the body; each has a pair
}

// BatchField is a field of a batch with its pairs.
type BatchField struct {
	Name  string
	Pairs []Pair
}

// Pair is one data point: time in Unix nanoseconds, and value.
type Pair struct {
	At    int64
	Value Value
}

// Value is a number, a boolean or a text.
type Value struct {
	Kind    telemetry.FieldKind // KindFloat for any number, KindBoolean, KindString
	Number  float64
	Integer int64 // where Whole
	Whole   bool  // the number has no fraction and fits into an int64 exactly
	Bool    bool
	Text    string
}

// Pairs is the number of data points.
func (b *Batch) Pairs() int {
	n := 0
	for _, f := range b.Fields {
		n += len(f.Pairs)
	}
	return n
}

// ParseBatch reads the body of a write. It refuses duplicate keys, unknown keys and everything that could not be stored
// as it is meant, with a *BadRequestError that names the place. An error of r is given back as it is. product_imei is
// taken out of the tags into IMEI; a field whose list is empty has nothing to say and is left out.
func ParseBatch(r io.Reader) (*Batch, error) {
	source := &remembering{Reader: r}
	p := batchParser{json: jsontext.NewDecoder(source)}
	err := p.parse()
	if err == nil {
		return &p.batch, nil
	}
	if source.failed != nil {
		return nil, source.failed
	}
	return nil, jsonProblem(err)
}

// remembering keeps the error of a reader, which the JSON decoder wraps in words of its own.
type remembering struct {
	io.Reader
	failed error
}

func (r *remembering) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		r.failed = err
	}
	return n, err
}

// jsonProblem turns an error of the JSON decoder into a sentence; others pass.
func jsonProblem(err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.EOF):
		return bad("there is no JSON in the body")
	case !errors.As(err, &syntax):
		return err
	case errors.Is(err, jsontext.ErrDuplicateName):
		return &BadRequestError{place(syntax.JSONPointer), "the name occurs twice"}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &BadRequestError{place(syntax.JSONPointer), "the JSON ends in the middle"}
	}
	return &BadRequestError{place(syntax.JSONPointer), fmt.Sprintf("this is no valid JSON: %v, after byte %d", syntax.Err, syntax.ByteOffset)}
}

// place writes a JSON pointer as the paths of this dialect: fields.current[3].
func place(pointer jsontext.Pointer) string {
	var b strings.Builder
	depth := 0
	for token := range pointer.Tokens() {
		if depth == 4 { // the body has no more: what lies deeper is refused for that
			break
		}
		if _, err := strconv.Atoi(token); err == nil && depth >= 2 {
			b.WriteString("[" + token + "]")
		} else {
			if depth > 0 {
				b.WriteByte('.')
			}
			b.WriteString(shown(token))
		}
		depth++
	}
	return b.String()
}

// batchParser reads one batch from front to back.
type batchParser struct {
	json  *jsontext.Decoder
	batch Batch
	pairs int
}

func (p *batchParser) parse() error {
	if err := p.open('{', "", "the body is a JSON object with measurement, tags and fields"); err != nil {
		return err
	}
	var measurement, fields bool
	for {
		key, more, err := p.key()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		switch key {
		case "measurement":
			measurement = true
			err = p.measurement()
		case "tags":
			err = p.tags()
		case "fields":
			fields = true
			err = p.fields()
		default:
			err = &BadRequestError{shown(key), "a batch has measurement, tags and fields, and nothing of this name"}
		}
		if err != nil {
			return err
		}
	}
	if _, err := p.json.ReadToken(); err == nil {
		return bad("there is more after the end of the JSON object")
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case !measurement:
		return &BadRequestError{"measurement", "it is missing"}
	case !fields:
		return &BadRequestError{"fields", "it is missing"}
	case p.pairs == 0:
		return &BadRequestError{"fields", "there is no data point"}
	}
	return p.together()
}

// together checks what can be known only when everything is read: the members come in any order.
func (p *batchParser) together() error {
	for _, f := range p.batch.Fields {
		for _, t := range p.batch.Tags {
			if f.Name == t.Key {
				return &BadRequestError{"fields." + shown(f.Name), "a tag of the batch has the same name"}
			}
		}
	}
	return nil
}

// open reads the start of an object or an array.
func (p *batchParser) open(kind jsontext.Kind, where, wanted string) error {
	if k := p.json.PeekKind(); k != kind && k != 0 {
		return &BadRequestError{where, wanted}
	}
	_, err := p.json.ReadToken()
	return err
}

// key reads the next name of an object; more is false at its end, which is read as well.
func (p *batchParser) key() (name string, more bool, err error) {
	token, err := p.json.ReadToken()
	if err != nil {
		return "", false, err
	}
	if token.Kind() == '}' {
		return "", false, nil
	}
	return token.String(), true, nil
}

func (p *batchParser) measurement() error {
	if k := p.json.PeekKind(); k != '"' && k != 0 {
		return &BadRequestError{"measurement", "it is a text"}
	}
	token, err := p.json.ReadToken()
	if err != nil {
		return err
	}
	p.batch.Measurement = token.String()
	if problem := checkMeasurement(p.batch.Measurement); problem != nil {
		return problem.at("measurement")
	}
	return nil
}

func (p *batchParser) tags() error {
	if err := p.open('{', "tags", "it is a JSON object of tags with their values"); err != nil {
		return err
	}
	for {
		key, more, err := p.key()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if problem := checkTagKeyWritten(key); problem != nil {
			return problem.at("tags." + shown(key))
		}
		value, err := p.tagValue(key)
		if err != nil {
			return err
		}
		if key == imeiTag {
			p.batch.IMEI = value
			continue
		}
		if len(p.batch.Tags) == MaxTags {
			return &BadRequestError{"tags", fmt.Sprintf("a batch has at most %d tags", MaxTags)}
		}
		p.batch.Tags = append(p.batch.Tags, telemetry.Tag{Key: key, Value: value})
	}
	sortTags(&p.batch)
	return nil
}

func sortTags(b *Batch) {
	slices.SortFunc(b.Tags, func(x, y telemetry.Tag) int { return strings.Compare(x.Key, y.Key) })
}

func (p *batchParser) tagValue(key string) (string, error) {
	where := "tags." + shown(key)
	kind := p.json.PeekKind()
	switch {
	case kind == '"', kind == 0:
	case kind == '0' && key == imeiTag:
		return "", &BadRequestError{where, "it is a text in quotes: as a number it would lose its leading zeros"}
	case kind == '0':
	default:
		return "", &BadRequestError{where, "the value of a tag is a text or a whole number"}
	}
	token, err := p.json.ReadToken()
	if err != nil {
		return "", err
	}
	value := token.String()
	switch {
	case !tagText(value):
		return "", &BadRequestError{where, "the value of a tag has letters, digits, _ and - only, and one at least"}
	case key == imeiTag && len(value) > MaxIMEI:
		return "", &BadRequestError{where, fmt.Sprintf("a product_imei has at most %d characters", MaxIMEI)}
	case len(value) > MaxName:
		return "", &BadRequestError{where, fmt.Sprintf("the value of a tag has at most %d bytes", MaxName)}
	case kind == '0' && strings.ContainsAny(value, "eE"):
		return "", &BadRequestError{where, "a number as the value of a tag is a whole one without an exponent"}
	}
	return value, nil
}

func (p *batchParser) fields() error {
	if err := p.open('{', "fields", "it is a JSON object of fields, each with a list of [time, value]"); err != nil {
		return err
	}
	for seen := 0; ; seen++ {
		name, more, err := p.key()
		if err != nil || !more {
			return err
		}
		problem := checkField(name)
		if problem == nil {
			problem = checkWritten(name)
		}
		if problem != nil {
			return problem.at("fields." + shown(name))
		}
		if seen == MaxFields {
			return &BadRequestError{"fields", fmt.Sprintf("a batch has at most %d fields", MaxFields)}
		}
		pairs, err := p.list(name)
		if err != nil {
			return err
		}
		if len(pairs) > 0 {
			p.batch.Fields = append(p.batch.Fields, BatchField{name, pairs})
		}
	}
}

// list reads the pairs of a field.
func (p *batchParser) list(name string) ([]Pair, error) {
	if err := p.open('[', "fields."+shown(name), "it is a list of [time, value]"); err != nil {
		return nil, err
	}
	var pairs []Pair
	if n := len(p.batch.Fields); n > 0 { // the fields of a batch are mostly of one length
		pairs = make([]Pair, 0, min(len(p.batch.Fields[n-1].Pairs), MaxPairs-p.pairs))
	}
	for {
		switch p.json.PeekKind() {
		case '[':
		case ']':
			_, err := p.json.ReadToken()
			return pairs, err
		case 0:
			_, err := p.json.ReadToken()
			return nil, err
		default:
			return nil, bad("a data point is [time, value]").at(pairPlace(name, len(pairs)))
		}
		if p.pairs == MaxPairs {
			return nil, &BadRequestError{"fields", fmt.Sprintf("a batch has at most %d data points; send it in parts", MaxPairs)}
		}
		text, err := p.json.ReadValue()
		if err != nil {
			return nil, err
		}
		pair, problem := parsePair(text)
		if problem == nil && len(pairs) > 0 && pair.Value.Kind != pairs[0].Value.Kind {
			problem = bad("the value is " + kindWord(pair.Value.Kind) + ", and those before it are not; a field has one type")
		}
		if problem != nil {
			return nil, problem.at(pairPlace(name, len(pairs)))
		}
		pairs = append(pairs, pair)
		p.pairs++
	}
}

// pairPlace names a pair in a message.
func pairPlace(field string, index int) string {
	return "fields." + shown(field) + "[" + strconv.Itoa(index) + "]"
}

// kindWord says what a value is.
func kindWord(kind telemetry.FieldKind) string {
	switch kind {
	case telemetry.KindBoolean:
		return "a boolean"
	case telemetry.KindString:
		return "a text"
	}
	return "a number"
}
