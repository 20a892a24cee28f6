package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iotcenter/devices"
)

const dev = devices.ID("dev1")

func TestFenceAddsTheTag(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"nothing", "", ""},
		{"one line", "m f=1", "m,clientId=dev1 f=1\n"},
		{"with its end", "m f=1\n", "m,clientId=dev1 f=1\n"},
		{"it is there", "m,clientId=dev1 f=1", "m,clientId=dev1 f=1\n"},
		{"it is there, last", "m,z=1,clientId=dev1 f=1", "m,z=1,clientId=dev1 f=1\n"},
		{"some have it", "m f=1\nm,clientId=dev1 f=2\nm f=3", "m,clientId=dev1 f=1\nm,clientId=dev1 f=2\nm,clientId=dev1 f=3\n"},
		{"between sorted tags", "m,a=1,z=2 f=1", "m,a=1,clientId=dev1,z=2 f=1\n"},
		{"after all tags", "m,a=1,b=2 f=1", "m,a=1,b=2,clientId=dev1 f=1\n"},
		{"tags not sorted", "m,z=1,a=2 f=1", "m,clientId=dev1,z=1,a=2 f=1\n"},
		{"similar names", "m,clientI=x,clientIdx=y,ClientId=z f=1", "m,clientI=x,clientId=dev1,clientIdx=y,ClientId=z f=1\n"},
		{"its own imei", "m,product_imei=dev1 f=1", "m,clientId=dev1,product_imei=dev1 f=1\n"},
		{"time stamps", "m f=1 5\nm f=1 -5\nm f=1  7  ", "m,clientId=dev1 f=1 5\nm,clientId=dev1 f=1 -5\nm,clientId=dev1 f=1  7\n"},
		{"time stamps at the ends", "m f=1 9223372036854775807\nm f=1 -9223372036854775807",
			"m,clientId=dev1 f=1 9223372036854775807\nm,clientId=dev1 f=1 -9223372036854775807\n"},
		{"spaces", "  m   f=1   ", "m,clientId=dev1   f=1\n"},
		{"blank lines and comments", "\n \n# a comment, clientId=x\n  # another\r\nm f=1\n\n#last", "m,clientId=dev1 f=1\n"},
		{"a comment with a quote", "# it's \"\nm f=1\n# \"", "m,clientId=dev1 f=1\n"},
		{"CRLF", "m f=1\r\n\r\nm f=2 7\r\nm f=3 \r\n", "m,clientId=dev1 f=1\nm,clientId=dev1 f=2 7\nm,clientId=dev1 f=3\n"},
		{"CR at the end", "m f=1\r", "m,clientId=dev1 f=1\n"},
		{"escapes in names", `a\ b\,c,k\ \,\==v\ \,\= f\ \,\==1`, `a\ b\,c,clientId=dev1,k\ \,\==v\ \,\= f\ \,\==1` + "\n"},
		{"other backslashes", `a\b,k=C:\temp f\g=1`, `a\b,clientId=dev1,k=C:\temp f\g=1` + "\n"},
		{"quotes in names", `a"b,k="v" "f"=1`, `a"b,clientId=dev1,k="v" "f"=1` + "\n"},
		{"an equals sign in a measurement", "a=b f=1", "a=b,clientId=dev1 f=1\n"},
		{"a string with everything", `m s="a, b=c \" \\",f=1`, `m,clientId=dev1 s="a, b=c \" \\",f=1` + "\n"},
		{"a string with lines", "m s=\"a\nm,clientId=other f=1\r\n# b\"\nm f=2", "m,clientId=dev1 s=\"a\nm,clientId=other f=1\r\n# b\"\nm,clientId=dev1 f=2\n"},
		{"an empty string", `m s=""`, `m,clientId=dev1 s=""` + "\n"},
		{"kinds of value", `m a=1,b=-1.5e-3,c=7i,d=7u,e=t,f=FALSE,g=.5,h=1.`, `m,clientId=dev1 a=1,b=-1.5e-3,c=7i,d=7u,e=t,f=FALSE,g=.5,h=1.` + "\n"},
		{"beyond ASCII", "wärme,ort=Plzeň °C=1,s=\"ž\"", "wärme,clientId=dev1,ort=Plzeň °C=1,s=\"ž\"\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := []byte(c.body)
			got, n, err := Fence(body, dev)
			if err != nil || string(got) != c.want {
				t.Fatalf("%q, %v\nwant %q", got, err, c.want)
			}
			if string(body) != c.body {
				t.Error("the body was changed")
			}
			points, err := decode(got)
			if err != nil || n != len(points) {
				t.Errorf("%d points, of which a decoder reads %d: %v", n, len(points), err)
			}
			again, m, err := Fence(got, dev)
			if err != nil || m != n || !bytes.Equal(again, got) {
				t.Errorf("fenced twice: %q, %v", again, err)
			}
		})
	}
}

func TestFenceRefuses(t *testing.T) {
	for _, c := range []struct {
		name, body string
		line       int
		kind       error
		part       string // of the problem
	}{
		{"another's tag", "m f=1\nm,clientId=dev2 f=1", 2, ErrForeignTag, `"dev2", and the token is that of dev1`},
		{"a longer one", "m,clientId=dev10 f=1", 1, ErrForeignTag, "dev10"},
		{"a shorter one", "m,clientId=dev f=1", 1, ErrForeignTag, ""},
		{"in other case", "m,clientId=DEV1 f=1", 1, ErrForeignTag, ""},
		{"in quotes", `m,clientId="dev1" f=1`, 1, ErrForeignTag, ""},
		{"another's imei", "m,product_imei=x f=1", 1, ErrForeignTag, "product_imei"},
		{"one of two", "m,clientId=dev1,clientId=dev2 f=1", 1, ErrForeignTag, ""},
		{"twice", "m,clientId=dev1,a=b,clientId=dev1 f=1", 1, ErrMalformed, "twice"},
		{"an imei twice", "m,product_imei=dev1,product_imei=dev1 f=1", 1, ErrMalformed, "product_imei occurs twice"},
		{"an imei as a field", "m product_imei=\"dev1\"", 1, ErrMalformed, "cannot be a field"},
		{"as a field", "m,clientId=dev1 clientId=\"dev2\"", 1, ErrMalformed, "cannot be a field"},
		{"reserved names", "m,_field=x f=1", 1, ErrMalformed, "reserved"},
		{"time as a tag", "m,time=1 f=1", 1, ErrMalformed, "reserved"},
		{"two backslashes before a comma", `m\\,clientId=dev2 f=1`, 1, ErrMalformed, "two backslashes"},
		{"two backslashes before a space", `m,a=b\\ f=1`, 1, ErrMalformed, "two backslashes"},
		{"two backslashes before an equals sign", `m,a\\=b f=1`, 1, ErrMalformed, "two backslashes"},
		{"no measurement", ",a=b f=1", 1, ErrMalformed, "start with a measurement"},
		{"no fields", "m\n", 1, ErrMalformed, "it has no fields"},
		{"no fields but tags", "m,a=b", 1, ErrMalformed, "it has no fields"},
		{"a space and no fields", "m ", 1, ErrMalformed, "no field"},
		{"a tag without a name", "m,=b f=1", 1, ErrMalformed, "a tag has no name"},
		{"a tag without a value", "m,a= f=1", 1, ErrMalformed, `"a" has no value`},
		{"a tag without =", "m,a f=1", 1, ErrMalformed, "no = after the tag"},
		{"two = in a tag", "m,a=b=c f=1", 1, ErrMalformed, "where a comma or a space"},
		{"a comma at the end of tags", "m, f=1", 1, ErrMalformed, "a tag has no name"},
		{"a field without =", "m f", 1, ErrMalformed, "no = after the field"},
		{"a field without a value", "m f=", 1, ErrMalformed, "has no value"},
		{"a field without a value, then another", "m f=,g=1", 1, ErrMalformed, "has no value"},
		{"a comma after the fields", "m f=1,", 1, ErrMalformed, "without a name"},
		{"a bare word", "m f=abc", 1, ErrMalformed, "no number"},
		{"an infinite number", "m f=1e400", 1, ErrMalformed, "no number"},
		{"a hexadecimal number", "m f=0x1p4", 1, ErrMalformed, "no number"},
		{"not a number", "m f=NaN", 1, ErrMalformed, "no number"},
		{"an integer out of range", "m f=9223372036854775808i", 1, ErrMalformed, "no number"},
		{"a negative unsigned", "m f=-1u", 1, ErrMalformed, "no number"},
		{"no closing quote", "m f=1\nm s=\"a\nb\n", 2, ErrMalformed, "no closing quote"},
		{"text after a string", `m s="a"b`, 1, ErrMalformed, "after a field's value"},
		{"a time stamp that is none", "m f=1 now", 1, ErrMalformed, "where a time stamp should be"},
		{"a lone minus", "m f=1 -", 1, ErrMalformed, "where a time stamp should be"},
		{"a time stamp out of range", "m f=1 9223372036854775808", 1, ErrMalformed, "out of range"},
		{"a broken time stamp", "m f=1 1.5", 1, ErrMalformed, "text after the time stamp"},
		{"two time stamps", "m f=1 1 2", 1, ErrMalformed, "text after the time stamp"},
		{"a tab for a space", "m\tf=1", 1, ErrMalformed, "control character"},
		{"a NUL", "m,a=\x00 f=1", 1, ErrMalformed, "control character"},
		{"a CR within a line", "m f=1\rm f=2", 1, ErrMalformed, "after a field's value"},
		{"not UTF-8", "m f=1\nm,a=\xff f=1", 2, ErrMalformed, "UTF-8"},
		{"not UTF-8 in a string", "m s=\"\xff\"", 1, ErrMalformed, "UTF-8"},
		{"after blank lines and comments", "# a\n\nm f=1\r\n\r\nm f=x", 5, ErrMalformed, "no number"},
		{"after a string with lines", "m s=\"a\nb\nc\"\nm f=x", 4, ErrMalformed, "no number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, n, err := Fence([]byte(c.body), dev)
			var bad *LineError
			if !errors.As(err, &bad) || !errors.Is(err, c.kind) || out != nil || n != 0 {
				t.Fatalf("%q, %d, %v", out, n, err)
			}
			if bad.Line != c.line || !strings.Contains(bad.Problem, c.part) {
				t.Errorf("%v", err)
			}
			if !strings.HasPrefix(err.Error(), fmt.Sprintf("line %d: ", c.line)) {
				t.Errorf("the text does not name the line: %v", err)
			}
		})
	}
}

// clientId and product_imei must each be the device that writes, or the write is refused, naming it: however the tags
// are ordered, repeated, escaped or hidden behind points that are in order.
func TestFenceHoldsClientIDAndProductIMEIEachToTheDevice(t *testing.T) {
	for _, tag := range []string{ClientTag, imeiTag} {
		for _, c := range []struct {
			name, tags string // % stands for the tag
			kind       error  // nil: it passes
		}{
			{"its own", ",%=dev1", nil},
			{"both its own", ",clientId=dev1,product_imei=dev1", nil},
			{"another's", ",%=dev2", ErrForeignTag},
			{"one that begins like it", ",%=dev10", ErrForeignTag},
			{"one that it begins like", ",%=dev", ErrForeignTag},
			{"in other case", ",%=Dev1", ErrForeignTag},
			{"in quotes", `,%="dev1"`, ErrForeignTag},
			{"the other tag is right", ",clientId=dev1,product_imei=dev1,%=dev2", ErrForeignTag},
			{"twice, the second another's", ",%=dev1,%=dev2", ErrForeignTag},
			{"twice, the first another's", ",%=dev2,%=dev1", ErrForeignTag},
			{"twice, apart", ",%=dev1,a=b,%=dev1", ErrMalformed},
			{"a value with a backslash", `,%=dev\1`, ErrForeignTag},
			{"a value with an escaped space", `,%=dev1\ `, ErrForeignTag},
			{"a value with an escaped comma", `,%=dev1\,x`, ErrForeignTag},
			{"a value with an escaped equals sign", `,%=dev1\=`, ErrForeignTag},
			{"behind two backslashes", `,a=b\\,%=dev2`, ErrMalformed},
			{"within another tag's value", `,a=b\,%\=dev2`, nil},
			{"within another tag's name", `,a\,%\=dev2=b`, nil},
			{"a name that ends in a backslash", `,%\==dev2`, nil}, // the tag's name ends in =
			{"empty", ",%=", ErrMalformed},
			{"a control character", ",%=dev1\x00", ErrMalformed},
			{"a tab", ",%=dev1\t", ErrMalformed},
		} {
			for _, before := range []string{"", "m f=1\n", "m,clientId=dev1,product_imei=dev1 f=1\n", "m s=\"\n\"\n"} {
				body := before + "m" + strings.ReplaceAll(c.tags, "%", tag) + " f=1"
				out, _, err := Fence([]byte(body), dev)
				if !errors.Is(err, c.kind) || (err == nil) != (out != nil) {
					t.Errorf("%s, %s: %v, want %v: %q", tag, c.name, err, c.kind, body)
				}
				if c.kind == ErrForeignTag && !strings.Contains(fmt.Sprint(err), "the token is that of dev1") {
					t.Errorf("%s, %s: the device is not named: %v", tag, c.name, err)
				}
				checkFenced(t, []byte(body), dev)
			}
		}
		_, _, err := Fence([]byte("m f=1,"+tag+"=\"dev1\""), dev)
		if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), tag+" is a tag and cannot be a field") {
			t.Errorf("%s as a field: %v", tag, err)
		}
	}
}

func TestFenceIsBounded(t *testing.T) {
	body := bytes.Repeat([]byte("m f=1\n"), MaxPoints)
	if _, n, err := Fence(body, dev); err != nil || n != MaxPoints {
		t.Fatalf("%d points: %v", n, err)
	}
	_, _, err := Fence(append(body, "m f=1"...), dev)
	var bad *LineError
	if !errors.As(err, &bad) || bad.Line != MaxPoints+1 || !errors.Is(err, ErrMalformed) {
		t.Errorf("one point more: %v", err)
	}
	// Messages quote a piece of the input only.
	_, _, err = Fence([]byte("m f="+strings.Repeat("x", 1<<20)), dev)
	if err == nil || len(err.Error()) > 1000 {
		t.Errorf("a message of %d bytes", len(fmt.Sprint(err)))
	}
}

func TestFenceAtLooksAtTimes(t *testing.T) {
	limit := testNow.Add(FutureLimit)
	for _, c := range []struct {
		precision Precision
		stamp     int64
		kind      error
	}{
		{Nanoseconds, limit.UnixNano(), nil},
		{Nanoseconds, limit.UnixNano() + 1, ErrRejected},
		{Microseconds, limit.UnixMicro(), nil},
		{Microseconds, limit.UnixMicro() + 1, ErrRejected},
		{Milliseconds, limit.UnixMilli(), nil},
		{Milliseconds, limit.UnixMilli() + 1, ErrRejected},
		{Seconds, limit.Unix(), nil},
		{Seconds, limit.Unix() + 1, ErrRejected},
		{Seconds, testNow.UnixNano(), ErrRejected}, // the wrong precision
		{Seconds, math.MaxInt64, ErrRejected},
		{Nanoseconds, 0, nil},
		{Nanoseconds, -math.MaxInt64, nil},
		{Seconds, -math.MaxInt64 / int64(time.Second), nil},
		{Seconds, -math.MaxInt64/int64(time.Second) - 1, ErrMalformed},
	} {
		body := fmt.Sprintf("m f=1\nm f=1 %d", c.stamp)
		_, n, err := FenceAt([]byte(body), dev, c.precision, testNow)
		if !errors.Is(err, c.kind) || (c.kind == nil) != (n == 2) {
			t.Errorf("%d %s: %d points, %v, want %v", c.stamp, c.precision, n, err, c.kind)
		}
		if bad := (*LineError)(nil); errors.As(err, &bad) && bad.Line != 2 {
			t.Errorf("%d %s: %v", c.stamp, c.precision, err)
		}
	}
}

// seeds are bodies that parsers of line protocol read in different ways, or that a fence could stumble over.
var seeds = []string{
	"", "\n", "#", "# c\n", "m f=1", "m f=1\n", "m,clientId=dev1 f=1 5\n", "m,clientId=dev2 f=1", "m,a=b,z=y f=1,g=2i,h=3u,i=t,j=\"s\" 17\r\n",
	"m,clientId=dev1,clientId=dev1 f=1", "m,clientId=dev1,clientId=dev2 f=1", "m,product_imei=dev1 f=1", "m,product_imei=x f=1", "m,product_imei=dev1,product_imei=dev1 f=1", "m product_imei=1", `m,product\_imei=x f=1`,
	`m\ \,,k\ \,\==v\ \,\= f\ \,\==1`, `m\\,a=b f=1`, `m\\\,a=b f=1`, `m,a=b\\ f=1`, `m,a=b\,clientId=dev2 f=1`, `m,a=b\ f=1`,
	`m,a\=clientId=dev1 f=1`, `m,client\Id=dev2 f=1`, `m,\clientId=dev2 f=1`, `\m f=1`, `\,m f=1`, `\ m f=1`, `\# f=1`,
	"m s=\"a\nm,clientId=dev2 f=1\"", "m s=\"a\\\"\nm,clientId=dev2 f=1\n\"", "m s=\"a\\\\\"\nm,clientId=dev1 f=1\n", "m s=\"\\\nm f=1\"",
	"m f=1\rm,clientId=dev2 f=2", "m f=1\x00", "m\x00,a=b f=1", "m\tf=1", "\tm f=1", "\x00m f=1", "m f=1 5 ", "m f=1 -5", "m f=1 9223372036854775807",
	"m \"a=1\nm,clientId=dev2 f=1\"", "m \"=1\nm,clientId=dev1 f=\"", "m a\\\"=1\nm f=\"\"", "m f\"g=1,h\"i=2\nm f=\"\n\"", "m,a=\" f=1\nm,b=\" f=1",
	"m,a=b\\\n f=1", "m\\\n f=1", "m f\\\n=1", "m,a=b f=1,\nm f=1", "m clientId=\"dev2\"", "m f=1e5,g=-.5,h=1.", "é,ü=ö ß=\"ž\"", "m f=1\n\n#x\n \nm f=2",
	"m f=1,f=2", "m,a=1,a=2 f=1", "m f= 1", "m f =1", "m  f=1", "m, f=1", "m=,clientId=dev2 f=1", "m,a=b=c f=1", "m f=1 1 1", "m f=\"x\"y", "m _f=1",
	"m\x7f f=1", "m\u00a0 f=1", "m\u2028 f=1", "m time=1", "m,time=1 f=1", "#\"\nm f=1\n#\"", "m f=1 #c\"\nm,clientId=dev2 f=1",
	`m s="\`, `m s="\"`, `m s="\\`, `m s="\\"`, `m\`, `m,a\`, `m,a=\`, `m f\`, `m f=\`, `m,=\ f=1`, `m,a=\  f=1`,
	"telemetry current=1", "telemetry current=1i", "telemetry,a=b state_of_charge_percent=55i,voltage=12.5 17", "telemetry state_of_charge_percent=55",
	"telemetry state_of_charge_percent=55u", "telemetry current=t", "telemetry current=\"1\"", "analysis discharge_end=1i", "analysis energy_in=1i",
	`tele\metry current=1i`, `telemetry\ current=1i`, `telemetry\,current=1i`, `telemetry curr\ent=1i`, `telemetry \current=1i`, `telemetry "current"=1i`,
	"telemetry current=1,current=2i", "telemetry s=\"\ntelemetry current=1i\n\",current=1", " telemetry  current=1i", "#\ntelemetry current=1i",
}

// checkFenced says what a body that the fence let through must be: to each parser, points of this device only; and
// where a parser understands all of it, the points of the body, and nothing but their clientId added.
func checkFenced(t *testing.T, body []byte, id devices.ID) {
	lines, n, err := Fence(body, id)
	if err != nil {
		var bad *LineError
		if !errors.As(err, &bad) || !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrForeignTag) && !errors.Is(err, ErrRejected) {
			t.Fatalf("what error is this: %v", err)
		}
		if most := bytes.Count(body, []byte("\n")) + 1; bad.Line < 1 || bad.Line > most {
			t.Fatalf("the error is in line %d of %d", bad.Line, most)
		}
		if lines != nil || n != 0 {
			t.Fatalf("%q besides the error %v", lines, err)
		}
		return
	}
	checkSchemed(t, lines)
	for name, read := range parsers {
		points, failed := read(lines)
		var rest []decoded
		for _, p := range points {
			without, own := p.withoutOwn()
			rest = append(rest, without)
			if len(own) != 1 || own[0] != string(id) {
				t.Errorf("%s sees a point with clientId %q: %+v\nbody %q\nlines %q", name, own, p, body, lines)
			}
			for _, tag := range p.Tags {
				if tag[0] == imeiTag && tag[1] != string(id) {
					t.Errorf("%s sees another's %s: %+v", name, imeiTag, p)
				}
			}
		}
		if len(points) > n || failed == nil && len(points) != n {
			t.Errorf("%s sees %d points of %d (%v)\nbody %q\nlines %q", name, len(points), n, failed, body, lines)
		}
		if name == "models" && bytes.ContainsRune(body, '#') {
			continue // to it, a quote or a backslash in a comment makes the comment longer; the fence takes comments out
		}
		before, broken := read(body)
		if failed != nil || broken != nil {
			continue
		}
		for i := range before {
			before[i], _ = before[i].withoutOwn()
		}
		if diff := cmp.Diff(before, rest); diff != "" {
			t.Errorf("%s sees other points (-before +after):\n%s\nbody %q\nlines %q", name, diff, body, lines)
		}
	}
	if again, m, err := Fence(lines, id); err != nil || m != n || !bytes.Equal(again, lines) {
		t.Errorf("fenced twice: %q, %v\nonce %q", again, err, lines)
	}
}

// Pairs of seeds meet at the end of a line, where a parser that is still within a string would go on.
func TestFenceAgreesWithParsers(t *testing.T) {
	for _, a := range seeds {
		checkFenced(t, []byte(a), dev)
		for _, b := range seeds {
			checkFenced(t, []byte(a+"\n"+b), dev)
			checkFenced(t, []byte(a+b), dev)
		}
	}
}

// All short texts over the bytes that mean something.
func TestFenceAgreesWithParsersOnAllShortTexts(t *testing.T) {
	const alphabet = "m1=, \\\"\n#"
	most := 4
	if testing.Short() {
		most = 3
	}
	for _, frame := range [][2]string{{"", ""}, {"m", "=1 f=1"}, {"m,a=", " f=1"}, {"m ", "=1"}, {"m f=\"", "\"\nm f=2"}, {"m f=1", "\nm f=\"\""}} {
		var grow func(middle []byte)
		grow = func(middle []byte) {
			checkFenced(t, slices.Concat([]byte(frame[0]), middle, []byte(frame[1])), dev)
			if len(middle) < most {
				for i := range len(alphabet) {
					grow(append(middle[:len(middle):len(middle)], alphabet[i]))
				}
			}
		}
		grow(nil)
	}
}

func FuzzFence(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), "dev1")
	}
	f.Add([]byte("m,clientId=a:b.c-d_e f=1"), "a:b.c-d_e")
	f.Fuzz(func(t *testing.T, body []byte, name string) {
		id, err := devices.ParseID(name)
		if err != nil {
			id = dev
		}
		checkFenced(t, body, id)
		checkUnowned(t, body)
	})
}

func FuzzFenceAt(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), "ns")
	}
	f.Add([]byte("m f=1 1763458215"), "s")
	f.Add([]byte("m f=1 -9223372036854775"), "us")
	f.Fuzz(func(t *testing.T, body []byte, text string) {
		precision, err := ValidPrecision(text)
		if err != nil {
			precision = Milliseconds
		}
		lines, n, err := FenceAt(body, dev, precision, testNow)
		if err != nil {
			return
		}
		plain, m, err := Fence(body, dev)
		if err != nil || n != m || !bytes.Equal(lines, plain) {
			t.Fatalf("%q, and without a clock %q, %v", lines, plain, err)
		}
		d := map[Precision]int64{Nanoseconds: 1, Microseconds: 1e3, Milliseconds: 1e6, Seconds: 1e9}[precision]
		points, _ := decode(lines)
		for _, p := range points {
			at, err := time.Parse("2006-01-02 15:04:05.999999999 -0700 MST", p.Time)
			if err != nil {
				t.Fatal(err)
			}
			if at.Equal(testNow) {
				continue
			}
			if at.UnixNano() > testNow.Add(FutureLimit).UnixNano()/d || at.UnixNano() < -math.MaxInt64/d {
				t.Errorf("%d%s passed", at.UnixNano(), precision)
			}
		}
	})
}

// Points of no device keep what they say of products, and none of them names a device in clientId.
func TestFenceOfPointsThatNoDeviceOwns(t *testing.T) {
	for _, c := range []struct {
		name, body, want string
		kind             error // nil: it passes
	}{
		{"no tags", "m f=1 5", "m f=1 5\n", nil},
		{"tags", "m,a=b,z=y f=1", "m,a=b,z=y f=1\n", nil},
		{"anybody's imei", "m,product_imei=359215101234567 f=1\nm,product_imei=x f=2", "m,product_imei=359215101234567 f=1\nm,product_imei=x f=2\n", nil},
		{"an imei twice", "m,product_imei=x,product_imei=x f=1", "", ErrMalformed},
		{"an imei without a value", "m,product_imei= f=1", "", ErrMalformed},
		{"an imei as a field", "m product_imei=1", "", ErrMalformed},
		{"a clientId", "m f=1\nm,clientId=dev1 f=1", "", ErrForeignTag},
		{"the organisation's clientId", "m,clientId=_organization f=1", "", ErrForeignTag},
		{"a clientId without a value", "m,clientId= f=1", "", ErrMalformed},
		{"a clientId as a field", "m clientId=\"\"", "", ErrMalformed},
		{"an escaped clientId", `m,client\Id=dev1 f=1`, `m,client\Id=dev1 f=1` + "\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, n, err := Fence([]byte(c.body), "")
			if string(out) != c.want || !errors.Is(err, c.kind) || (err == nil) != (n > 0) {
				t.Fatalf("%q, %d, %v", out, n, err)
			}
			if bad := (*LineError)(nil); errors.As(err, &bad) && bad.Line != 1+strings.Count(c.body, "\n") {
				t.Errorf("%v", err)
			}
			if c.kind == ErrForeignTag && strings.Contains(err.Error(), "token is that of") {
				t.Errorf("it speaks of a device: %v", err)
			}
			checkUnowned(t, []byte(c.body))
		})
	}
	for _, a := range seeds {
		checkUnowned(t, []byte(a))
		for _, b := range seeds {
			checkUnowned(t, []byte(a+"\n"+b))
		}
	}
}

// checkUnowned says what a body of points of no device must be that the fence let through: to no parser it has a clientId.
func checkUnowned(t *testing.T, body []byte) {
	t.Helper()
	lines, n, err := Fence(body, "")
	if err != nil {
		if lines != nil || n != 0 {
			t.Errorf("%q besides the error %v", lines, err)
		}
		return
	}
	checkSchemed(t, lines)
	for name, read := range parsers {
		points, _ := read(lines)
		for _, p := range points {
			if _, own := p.withoutOwn(); len(own) != 0 {
				t.Errorf("%s sees clientId %q: %+v\nbody %q\nlines %q", name, own, p, body, lines)
			}
		}
		if len(points) > n {
			t.Errorf("%s sees %d points of %d\nbody %q\nlines %q", name, len(points), n, body, lines)
		}
	}
	if again, m, err := Fence(lines, ""); err != nil || m != n || !bytes.Equal(again, lines) {
		t.Errorf("fenced twice: %q, %v\nonce %q", again, err, lines)
	}
}

// The organisation's points are fenced as those of a device that has its id.
func TestFenceOfTheOrganization(t *testing.T) {
	for _, s := range seeds {
		checkFenced(t, []byte(s), OrganizationClient)
	}
	lines, n, err := Fence([]byte("m,z=1 f=1"), OrganizationClient)
	if err != nil || n != 1 || string(lines) != "m,clientId=_organization,z=1 f=1\n" {
		t.Errorf("%q, %d, %v", lines, n, err)
	}
}

func BenchmarkFence(b *testing.B) {
	body := bytes.Repeat([]byte("environment,CO2Sensor=x,TemperatureSensor=y CO2=412,Temperature=21.5,Humidity=40.1 1763458215\n"), 1000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Fence(body, dev); err != nil {
			b.Fatal(err)
		}
	}
}

// The same with the schema at work.
func BenchmarkFenceSchemed(b *testing.B) {
	body := bytes.Repeat([]byte("telemetry,product_imei=dev1 current=1.5,voltage=12.25,state_of_charge_percent=55i,other=1 1763458215\n"), 1000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Fence(body, dev); err != nil {
			b.Fatal(err)
		}
	}
}
