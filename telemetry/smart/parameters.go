package smart

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"iotcenter/telemetry"
)

// maxParameter is how many bytes the parameters fields and tags have at most.
const maxParameter = 64 << 10

// queryFields reads the fields that a query asks for, in each of the forms that clients send: the parameter more than
// once, a JSON array, names with commas between them, or *. nil and false stand for all.
func queryFields(given []string, measurement string, d Defaults) ([]string, bool, *BadRequestError) {
	if given == nil {
		if measurement != d.measurement() {
			return nil, false, nil
		}
		return names(d.Fields)
	}
	var all []string
	for _, text := range given {
		text = strings.TrimSpace(text)
		switch {
		case len(text) > maxParameter:
			return nil, false, bad(fmt.Sprintf("the value has at most %d bytes", maxParameter))
		case strings.HasPrefix(text, "["):
			list, problem := jsonNames(text)
			if problem != nil {
				return nil, false, problem
			}
			all = append(all, list...)
		default:
			for _, name := range strings.Split(text, ",") {
				all = append(all, strings.TrimSpace(name))
			}
		}
	}
	if len(all) == 0 {
		return nil, false, bad("the list is empty; leave the parameter out, or say *, for all fields")
	}
	return names(all)
}

// names checks the names of fields, each of which counts once.
func names(all []string) ([]string, bool, *BadRequestError) {
	if len(all) == 0 || len(all) == 1 && all[0] == "*" {
		return nil, false, nil
	}
	var out []string
	seen := map[string]bool{}
	for _, name := range all {
		if name == "*" {
			return nil, false, bad("it is * for all fields, or names; not both")
		}
		if problem := checkField(name); problem != nil {
			return nil, false, bad(shown(name) + ": " + problem.Problem)
		}
		if !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	if len(out) > MaxFields {
		return nil, false, bad(fmt.Sprintf("a query has at most %d fields", MaxFields))
	}
	return out, true, nil
}

// jsonNames reads a JSON array of texts.
func jsonNames(text string) ([]string, *BadRequestError) {
	wanted := bad(`a JSON array of fields has texts alone, such as ["current","voltage"]`)
	d := jsontext.NewDecoder(strings.NewReader(text))
	if _, err := d.ReadToken(); err != nil {
		return nil, wanted
	}
	var out []string
	for {
		token, err := d.ReadToken()
		switch {
		case err != nil:
			return nil, wanted
		case token.Kind() == ']':
			if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
				return nil, wanted
			}
			return out, nil
		case token.Kind() != '"':
			return nil, wanted
		}
		out = append(out, token.String())
	}
}

// queryTags reads the tags that points must have: a JSON object. A number becomes its text as it is written, so that an
// 18-digit product_imei keeps each digit. Values are freer than those of a batch: line protocol can have written them.
func queryTags(text string) (tags []telemetry.Tag, imei string, problem *BadRequestError) {
	if text == "" {
		return nil, "", nil
	}
	if len(text) > maxParameter {
		return nil, "", bad(fmt.Sprintf("the value has at most %d bytes", maxParameter))
	}
	wanted := bad(`it is a JSON object of tags with their values, such as {"product_imei":"000000000000000"}`)
	d := jsontext.NewDecoder(strings.NewReader(text))
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, "", wanted
	}
	for {
		token, err := d.ReadToken()
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return nil, "", bad("a tag occurs twice")
		}
		if err != nil {
			return nil, "", wanted
		}
		if token.Kind() == '}' {
			break
		}
		key := token.String()
		if problem := checkTagKey(key); problem != nil {
			return nil, "", bad(shown(key) + ": " + problem.Problem)
		}
		if token, err = d.ReadToken(); err != nil {
			return nil, "", wanted
		}
		value := token.String()
		switch {
		case token.Kind() != '"' && token.Kind() != '0':
			return nil, "", bad(shown(key) + ": the value of a tag is a text or a number")
		case checkName(value) != nil:
			return nil, "", bad(fmt.Sprintf("%s: the value of a tag has 1 to %d bytes and no control characters", shown(key), MaxName))
		case key == imeiTag:
			imei = value
			continue
		case len(tags) == MaxTags:
			return nil, "", bad(fmt.Sprintf("a query has at most %d tags", MaxTags))
		}
		tags = append(tags, telemetry.Tag{Key: key, Value: value})
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, "", wanted
	}
	slices.SortFunc(tags, func(a, b telemetry.Tag) int { return strings.Compare(a.Key, b.Key) })
	return tags, imei, nil
}
