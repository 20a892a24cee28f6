package influx

import (
	"context"
	"encoding/json"
	"strings"

	"iotcenter/devices"
	"iotcenter/telemetry"
	"iotcenter/telemetry/helium"
)

// HeliumPorts gives the names of an owner's ports, sorted. The index alone answers it.
func (db *DB) HeliumPorts(ctx context.Context, owner devices.ID) ([]string, error) {
	var out []string
	err := db.op(ctx, "helium_ports", db.timing.request, func(ctx context.Context) error {
		tags, err := db.heliumTags(ctx, owner)
		for _, tag := range tags {
			out = append(out, helium.UnescapePort(tag))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return sorted(out), nil
}

// heliumTags gives the tags under which an owner's ports lie.
func (db *DB) heliumTags(ctx context.Context, owner devices.ID) ([]string, error) {
	var out []string
	_, err := db.influxql(ctx, db.cfg.Bucket, portsQuery(owner), true, func(s *qlSeries, row []json.RawMessage) error {
		if tag := qlString(row, s.column("value")); tag != "" {
			out = append(out, tag)
		}
		return nil
	})
	return out, err
}

func portsQuery(owner devices.ID) string {
	return "SHOW TAG VALUES FROM " + influxqlIdent(helium.Measurement) + " WITH KEY = " + influxqlIdent(helium.PortTag) +
		" WHERE " + influxqlIdent(telemetry.ClientTag) + " = " + influxqlString(string(owner))
}

// AllHeliumPorts gives the names of all owners' ports, sorted. It reads the index once; what belongs to neither a device
// nor the organisation is left out.
func (db *DB) AllHeliumPorts(ctx context.Context) (map[devices.ID][]string, error) {
	out := map[devices.ID][]string{}
	err := db.op(ctx, "all_helium_ports", db.timing.query, func(ctx context.Context) error {
		_, err := db.influxql(ctx, db.cfg.Bucket, allPortsQuery(), true, func(s *qlSeries, row []json.RawMessage) error {
			owner, tag := seriesTags(qlString(row, s.column("key")), telemetry.ClientTag, helium.PortTag)
			id, err := devices.ParseID(owner)
			if owner == string(telemetry.OrganizationClient) {
				id, err = telemetry.OrganizationClient, nil
			}
			if err == nil && tag != "" {
				out[id] = append(out[id], helium.UnescapePort(tag))
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	for id, ports := range out {
		out[id] = sorted(ports)
	}
	return out, nil
}

func allPortsQuery() string { return "SHOW SERIES FROM " + influxqlIdent(helium.Measurement) }

// seriesTags gives two tags of a series by its key, which is written as in line protocol: "helium,clientId=a,port=t".
func seriesTags(key, first, second string) (a, b string) {
	_, rest, more := cutKey(key, ',')
	for more {
		var pair string
		pair, rest, more = cutKey(rest, ',')
		name, value, _ := cutKey(pair, '=')
		switch seriesText.Replace(name) {
		case first:
			a = seriesText.Replace(value)
		case second:
			b = seriesText.Replace(value)
		}
	}
	return a, b
}

// cutKey cuts a text at the first mark without a backslash before it.
func cutKey(text string, mark byte) (before, after string, found bool) {
	for i := range len(text) {
		if text[i] == mark && (i == 0 || text[i-1] != '\\') {
			return text[:i], text[i+1:], true
		}
	}
	return text, "", false
}

// seriesText takes the escapes out of a name or a tag. A backslash before anything else is itself.
var seriesText = strings.NewReplacer(`\,`, ",", `\=`, "=", `\ `, " ")
