package smart

import (
	"fmt"
	"strings"
	"testing"

	"iotcenter/telemetry"
)

// render shows a condition with each of its parts in brackets.
func render(c *telemetry.Condition) string {
	if c.Join != "" {
		return "(" + render(c.Left) + " " + c.Join + " " + render(c.Right) + ")"
	}
	return fmt.Sprintf("[%s %s %s:%s]", c.Name, c.Op, []string{"name", "text", "number", "bool", "regex"}[c.With.Kind], c.With.Text)
}

func TestWhereIsReadIntoATreeOfItsOwn(t *testing.T) {
	for text, want := range map[string]string{
		"voltage > 14.0":                   "[voltage > number:14.0]",
		"'voltage' > 14.0":                 "[voltage > number:14.0]",
		`"voltage" > 14`:                   "[voltage > number:14]",
		"a = 1":                            "[a = number:1]",
		"a != 1":                           "[a != number:1]",
		"a <> 1":                           "[a != number:1]",
		"a < 1":                            "[a < number:1]",
		"a <= 1":                           "[a <= number:1]",
		"a > 1":                            "[a > number:1]",
		"a >= -1.5":                        "[a >= number:-1.5]",
		"a =~ /^x\\/y$/":                   "[a =~ regex:^x/y$]",
		"a !~ /x/":                         "[a !~ regex:x]",
		"a = 'it\\'s'":                     "[a = text:it's]",
		"a = true and b = FALSE":           "([a = bool:true] AND [b = bool:false])",
		"a = 1 OR b = 2 AND c = 3":         "([a = number:1] OR ([b = number:2] AND [c = number:3]))",
		"(a = 1 OR b = 2) AND c = 3":       "(([a = number:1] OR [b = number:2]) AND [c = number:3])",
		"a > b":                            "[a > name:b]",
		`a > "b c"`:                        "[a > name:b c]",
		"a = 9223372036854775808":          "[a = number:9223372036854775808]",
		"a = -9223372036854775808":         "[a = number:-9223372036854775808]",
		"a = 0.0001":                       "[a = number:0.0001]",
		"a = 1 -- a remark":                "[a = number:1]",
		"product_imei = '000000000000000'": "[product_imei = text:000000000000000]",
		"1 = 1 OR a = 1":                   "",
		"a = '1' OR 1=1":                   "",
	} {
		got, err := ParseWhere(text)
		if want == "" {
			wantBad(t, err, "where: ")
			continue
		}
		if err != nil {
			t.Errorf("ParseWhere(%q): %v", text, err)
		} else if render(got) != want {
			t.Errorf("ParseWhere(%q) = %s, want %s", text, render(got), want)
		}
	}
	for _, empty := range []string{"", " \t"} {
		if c, err := ParseWhere(empty); c != nil || err != nil {
			t.Errorf("ParseWhere(%q) = %v, %v", empty, c, err)
		}
	}
}

func TestWhereThatIsRefused(t *testing.T) {
	for text, words := range map[string]string{
		"voltage > 14; DROP MEASUREMENT telemetry": "ends before",
		"voltage > 14 GROUP BY x":                  "ends before GROUP",
		"voltage > 14 LIMIT 1":                     "ends before LIMIT",
		"voltage > 14)":                            "ends before",
		"(voltage > 14":                            "no InfluxQL",
		"time > 0":                                 "start and end say it",
		"TIME > '2016-01-01'":                      "start and end say it",
		`"time" > now() - 1h`:                      "start and end say it",
		"'time' > 0":                               "start and end say it",
		"_time > 0":                                "start and end say it",
		"a > time":                                 "start and end say it",
		"mean(a) > 1":                              "function",
		"a > now()":                                "function",
		"a > mean(b)":                              "function",
		"a IN (SELECT b FROM c)":                   "ends before IN",
		"a = (SELECT b FROM c)":                    "no InfluxQL",
		"a > 1 + 2":                                "arithmetic",
		"a + 1 > 2":                                "arithmetic",
		"a > -b":                                   "arithmetic",
		"a = b = c":                                "comparison",
		"a::float > 1":                             "cast",
		"a > b::integer":                           "cast",
		"a > 5m":                                   "duration",
		"5m > a":                                   "on the left",
		"14 < voltage":                             "on the left",
		"* = 1":                                    "*",
		"a = *":                                    "a condition compares",
		"clientId = 'other'":                       "app's own",
		`"clientId" =~ /./`:                        "app's own",
		"'clientId' != ''":                         "app's own",
		"_name = 'x'":                              "reserved",
		"_seriesKey = 'x'":                         "reserved",
		"a":                                        "a condition compares",
		"true":                                     "a condition compares",
		"a AND b":                                  "a condition compares",
		"a =~ 'x'":                                 "no InfluxQL",
		"a =~ /(/":                                 "no InfluxQL",
		"a = /x/":                                  "no InfluxQL",
		"a =~ /" + strings.Repeat("x", 257) + "/": "at most 256 bytes",
		"a < 'x'":                                "for numbers",
		"a >= true":                              "for numbers",
		"a = 1e400":                              "no InfluxQL",
		"a = $x":                                 "no InfluxQL",
		"a = 123456789012345678901234567890":     "no InfluxQL",
		"a = 'x\xff'":                            "UTF-8",
		"a = 'x\x00'":                            "zero byte",
		`"" = 1`:                                 "empty",
		strings.Repeat("(", 5000) + "a = 1":      "at most 4096 bytes",
		strings.Repeat("(", 65) + "a = 1":        "opening brackets",
		strings.Repeat("a", MaxWhere+1):          "at most 4096 bytes",
		strings.Repeat("a=1 OR ", 32) + "a=1":    "more than 32 comparisons",
		`"` + strings.Repeat("a", 300) + `" = 1`: "at most 256",
		"\"a\nb\" = 1":                           "no InfluxQL",
		"DELETE FROM x":                          "no InfluxQL",
		"a = 1 UNION SELECT * FROM system":       "ends before",
	} {
		_, err := ParseWhere(text)
		wantBad(t, err, "where: ", words)
	}
}

func FuzzWhere(f *testing.F) {
	for _, seed := range []string{"voltage > 14.0", `'a' = 'b' AND ("c" != true OR d =~ /x/)`, "a > -b", "a = -(1)", "a::tag = 'x'", "distinct(a) = 1", "a = 1 /* x */"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseWhere(text)
		if err != nil {
			wantBad(t, err)
			return
		}
		n := 0
		var walk func(c *telemetry.Condition)
		walk = func(c *telemetry.Condition) {
			if c == nil {
				return
			}
			walk(c.Left)
			walk(c.Right)
			if c.Join != "" {
				return
			}
			n++
			if c.Name == "" || strings.EqualFold(c.Name, "time") || c.Name == telemetry.ClientTag {
				t.Errorf("ParseWhere(%q) compares %q", text, c.Name)
			}
			if c.With.Kind == telemetry.NumberOperand && strings.Trim(c.With.Text, "-.0123456789") != "" {
				t.Errorf("ParseWhere(%q) has the number %q", text, c.With.Text)
			}
		}
		walk(c)
		if n > MaxCompares {
			t.Errorf("ParseWhere(%q) has %d comparisons", text, n)
		}
	})
}

func TestStatementIsWrittenAnew(t *testing.T) {
	for text, want := range map[string]string{
		`SELECT max(current) / mean(voltage) FROM telemetry WHERE "product_imei" = '000000000000000' and time > '2016-01-01'`: `SELECT max(current) / mean(voltage) FROM telemetry WHERE product_imei = '000000000000000' AND time > '2016-01-01'`,
		`select a from b;`:                                       `SELECT a FROM b`,
		`SELECT * FROM /tele.*/ LIMIT 10`:                        `SELECT * FROM /tele.*/ LIMIT 10`,
		`SELECT mean(x) FROM (SELECT a AS x FROM b)`:             `SELECT mean(x) FROM (SELECT a AS x FROM b)`,
		`SELECT a * 0.0001 FROM b WHERE c > 1.23456 AND d = 2.5`: `SELECT a * 0.0001 FROM b WHERE c > 1.23456 AND d = 2.500`,
		`SHOW MEASUREMENTS`:                                      `SHOW MEASUREMENTS`,
		`SHOW FIELD KEYS FROM telemetry`:                         `SHOW FIELD KEYS FROM telemetry`,
		`SHOW TAG KEYS`:                                          `SHOW TAG KEYS`,
		`SHOW TAG VALUES WITH KEY = "some_tag"`:                  `SHOW TAG VALUES WITH KEY = some_tag`,
		`SHOW SERIES LIMIT 5`:                                    `SHOW SERIES LIMIT 5`,
	} {
		got, err := ParseStatement(text)
		if err != nil || got != want {
			t.Errorf("ParseStatement(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestStatementThatIsRefused(t *testing.T) {
	for text, words := range map[string]string{
		"":                                       "missing",
		"SELECT a FROM b; DROP MEASUREMENT b":    "more than one",
		"SELECT a FROM b; SELECT a FROM b":       "more than one",
		"SELECT a INTO c FROM b":                 "INTO",
		"SELECT a FROM db.rp.b":                  "named alone",
		`SELECT a FROM "db".."b"`:                "named alone",
		"SELECT a FROM rp.b":                     "named alone",
		"SELECT a FROM db.rp./x/":                "named alone",
		"SELECT x FROM (SELECT a FROM db.rp.b)":  "named alone",
		"SELECT x FROM (SELECT a INTO c FROM b)": "INTO",
		"SHOW MEASUREMENTS ON db":                "no ON",
		"SHOW FIELD KEYS ON db":                  "no ON",
		"SHOW TAG KEYS ON db":                    "no ON",
		"SHOW TAG VALUES ON db WITH KEY = a":     "no ON",
		"SHOW SERIES ON db":                      "no ON",
		"SHOW SERIES FROM db.rp.b":               "named alone",
		"SHOW DATABASES":                         "nothing else is served",
		"SHOW USERS":                             "nothing else is served",
		"SHOW QUERIES":                           "nothing else is served",
		"SHOW SERIES CARDINALITY":                "nothing else is served",
		"DROP MEASUREMENT b":                     "nothing else is served",
		"DELETE FROM b":                          "nothing else is served",
		"CREATE DATABASE x":                      "nothing else is served",
		"KILL QUERY 1":                           "nothing else is served",
		"EXPLAIN SELECT a FROM b":                "nothing else is served",
		"SELECT":                                 "no InfluxQL",
		"from(bucket:\"x\")":                     "no InfluxQL",
		strings.Repeat("x", MaxStatement+1):      "at most 4096",
		"SELECT " + strings.Repeat("(", 65):      "opening brackets",
		"SELECT '\xff' FROM b":                   "UTF-8",
	} {
		_, err := ParseStatement(text)
		wantBad(t, err, "q: ", words)
	}
}

func FuzzStatement(f *testing.F) {
	for _, seed := range []string{"SELECT a FROM b", "SELECT mean(a)*0.0001 FROM b WHERE time > now() - 1h GROUP BY time(5m), c fill(0.00001)", "SHOW TAG VALUES WITH KEY =~ /x/", "SELECT a FROM (SELECT b FROM c) tz('UTC')"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		anew, err := ParseStatement(text)
		if err != nil {
			wantBad(t, err)
			return
		}
		for _, word := range []string{"SELECT", "SHOW"} {
			if strings.HasPrefix(anew, word) {
				if again, err := ParseStatement(anew); err != nil && len(anew) <= MaxStatement || err == nil && again != anew {
					t.Errorf("ParseStatement(%q) = %q, and then %q, %v", text, anew, again, err)
				}
				return
			}
		}
		t.Errorf("ParseStatement(%q) = %q", text, anew)
	})
}

// A regular expression is tried on every byte of every text, and the database cannot be stopped while none matches.
func TestARegularExpressionHasFewSteps(t *testing.T) {
	for _, c := range []struct {
		regex string
		good  bool
	}{
		{`^a`, true},
		{`^(on|off|stand-?by)$`, true},
		{`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`, true},
		{`((a*)*)*b`, true}, // no trap for this kind of matcher
		{`(a{0,25}b?){0,25}`, false},
		{`a{1000}`, false},
		{`((((a?){7}){7}){7})`, false},
	} {
		_, err := ParseWhere("s =~ /" + c.regex + "/")
		_, err2 := ParseStatement("SELECT v FROM (SELECT v FROM m WHERE s !~ /" + c.regex + "/)")
		for _, err := range []error{err, err2} {
			if good := err == nil; good != c.good || !good && !strings.Contains(err.Error(), "too many repetitions") {
				t.Errorf("%s: %v", c.regex, err)
			}
		}
	}
}
