package conformance

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"iotcenter/telemetry"
)

// Authorizations tests a devices.Authorizer together with the telemetry.Writer that takes its tokens.
func Authorizations(t *testing.T, s Subject) {
	ctx := start(t)
	minted, err := s.DB.Mint(ctx, "dev1")
	if err != nil {
		t.Fatal(err)
	}
	if minted.Key == "" || minted.Token == "" {
		t.Fatal("Mint gave no key or no token")
	}
	second, err := s.DB.Mint(ctx, "dev1")
	if err != nil || second.Key == minted.Key || second.Token == minted.Token {
		t.Fatalf("a second Mint: %v; it must be another authorization", err)
	}
	body := []byte(line("environment", "clientId=dev1", "Temperature=1", moment()))

	t.Run("writes to the data bucket", func(t *testing.T) {
		if err := s.DB.WriteLines(ctx, minted.Token, body, "ns"); err != nil {
			t.Errorf("write with a fresh token: %v", err)
		}
	})
	t.Run("and does nothing else", func(t *testing.T) {
		query := "api/v2/query?org=" + url.QueryEscape(s.Org)
		read := fmt.Sprintf(`{"query":"from(bucket: \"%s\") |> range(start: -30d)"}`, s.Bucket)
		write := func(bucket string) string {
			return "api/v2/write?org=" + url.QueryEscape(s.Org) + "&bucket=" + url.QueryEscape(bucket)
		}
		ql := "query?q=" + url.QueryEscape("SELECT * FROM deviceauth") + "&db=" + url.QueryEscape(s.AuthBucket)
		for _, c := range []struct{ name, method, path, body string }{
			{"read the data", http.MethodPost, query, read},
			{"read the registrations", http.MethodPost, query, strings.ReplaceAll(read, s.Bucket, s.AuthBucket)},
			{"read by InfluxQL", http.MethodPost, ql, ""},
			{"write registrations", http.MethodPost, write(s.AuthBucket), "deviceauth,deviceId=x key=\"y\""},
			{"mint", http.MethodPost, "api/v2/authorizations", `{"permissions":[]}`},
		} {
			status, answer := s.Try(minted.Token, c.method, c.path, c.body)
			// InfluxDB 2.7 refuses InfluxQL with 200 and an error in the place of rows.
			inside := status == http.StatusOK && strings.Contains(answer, `"error"`) && !strings.Contains(answer, `"values"`)
			if (status < 400 || status >= 500) && !inside {
				t.Errorf("%s: status %d, want a refusal: %.200s", c.name, status, answer)
			}
		}
	})
	t.Run("is refused while it is switched off", func(t *testing.T) {
		for range 2 { // once more is no error
			if err := s.DB.SetActive(ctx, minted.Key, false); err != nil {
				t.Fatalf("SetActive(false): %v", err)
			}
		}
		if ok, err := s.DB.Exists(ctx, minted.Key); err != nil || ok {
			t.Errorf("Exists of one that is off: %v, %v", ok, err)
		}
		if err := s.DB.WriteLines(ctx, minted.Token, body, "ns"); !errors.Is(err, telemetry.ErrUnauthorized) {
			t.Errorf("write with a token that is off: %v, want ErrUnauthorized", err)
		}
		if err := s.DB.WriteLines(ctx, second.Token, body, "ns"); err != nil {
			t.Errorf("the other token: %v", err)
		}
		for range 2 {
			if err := s.DB.SetActive(ctx, minted.Key, true); err != nil {
				t.Fatalf("SetActive(true): %v", err)
			}
		}
		if err := s.DB.WriteLines(ctx, minted.Token, body, "ns"); err != nil {
			t.Errorf("write with a token that is on again: %v", err)
		}
	})
	t.Run("can be revoked while it is switched off", func(t *testing.T) {
		third, err := s.DB.Mint(ctx, "dev1")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.DB.SetActive(ctx, third.Key, false), s.DB.Revoke(ctx, third.Key)); err != nil {
			t.Fatal(err)
		}
		if err := s.DB.SetActive(ctx, third.Key, true); err != nil {
			t.Errorf("SetActive of one that is gone: %v", err)
		}
		if ok, err := s.DB.Exists(ctx, third.Key); err != nil || ok {
			t.Errorf("Exists: %v, %v; it came back", ok, err)
		}
	})
	t.Run("exists until it is revoked", func(t *testing.T) {
		if ok, err := s.DB.Exists(ctx, minted.Key); err != nil || !ok {
			t.Errorf("Exists: %v, %v", ok, err)
		}
		for range 2 { // one that is gone is no error
			if err := s.DB.Revoke(ctx, minted.Key); err != nil {
				t.Errorf("Revoke: %v", err)
			}
		}
		if ok, err := s.DB.Exists(ctx, minted.Key); err != nil || ok {
			t.Errorf("Exists after Revoke: %v, %v", ok, err)
		}
		if err := s.DB.WriteLines(ctx, minted.Token, body, "ns"); !errors.Is(err, telemetry.ErrUnauthorized) {
			t.Errorf("write with a revoked token: %v, want ErrUnauthorized", err)
		}
		if ok, err := s.DB.Exists(ctx, second.Key); err != nil || !ok {
			t.Errorf("the other authorization: %v, %v", ok, err)
		}
	})
	t.Run("keys that are none", func(t *testing.T) {
		for _, key := range []string{"", "no-key", "../buckets", "00000000000000ff", strings.Repeat("a", 300)} {
			if ok, err := s.DB.Exists(ctx, key); err != nil || ok {
				t.Errorf("Exists(%.20q): %v, %v", key, ok, err)
			}
			if err := s.DB.Revoke(ctx, key); err != nil {
				t.Errorf("Revoke(%.20q): %v", key, err)
			}
			if err := s.DB.SetActive(ctx, key, true); err != nil {
				t.Errorf("SetActive(%.20q): %v", key, err)
			}
		}
	})
}

// Writing tests a telemetry.Writer; the Reader tells what arrived.
func Writing(t *testing.T, s Subject) {
	ctx := start(t)
	auth, err := s.DB.Mint(ctx, "writer1")
	if err != nil {
		t.Fatal(err)
	}
	at := moment()
	t.Run("precisions", func(t *testing.T) {
		for i, c := range []struct {
			precision telemetry.Precision
			unit      time.Duration
		}{{"", time.Nanosecond}, {"ns", time.Nanosecond}, {"us", time.Microsecond}, {"ms", time.Millisecond}, {"s", time.Second}} {
			m, when := fmt.Sprintf("precision%d", i), at.Add(time.Duration(i)*time.Second)
			text := m + ",clientId=writer1 v=1 " + itoa(when.UnixNano()/int64(c.unit)) + "\n"
			if err := s.DB.WriteLines(ctx, auth.Token, []byte(text), c.precision); err != nil {
				t.Errorf("precision %q: %v", c.precision, err)
			}
			if got, err := s.DB.LastEntry(ctx, "writer1", m, time.Time{}); err != nil || !got.Equal(when) {
				t.Errorf("precision %q: stored at %v (%v), want %v", c.precision, got, err, when)
			}
		}
	})
	t.Run("large body", func(t *testing.T) {
		var b strings.Builder
		for i := range 5000 {
			b.WriteString(line("large", "clientId=writer1", fmt.Sprintf("Temperature=%d.5,Humidity=%d", i%40, i%99), at.Add(time.Duration(i)*time.Millisecond)) + "\n")
		}
		if err := s.DB.WriteLines(ctx, auth.Token, []byte(b.String()), "ns"); err != nil {
			t.Fatal(err)
		}
		stats, err := s.DB.Stats(ctx, "writer1", "large", at, at.Add(time.Minute))
		if err != nil || len(stats) != 2 || stats[0].Count != 5000 {
			t.Errorf("stored: %+v, %v", stats, err)
		}
	})
	t.Run("refusals", func(t *testing.T) {
		s.Write(line("typed", "clientId=writer1", "v=1.5", at))
		for _, c := range []struct {
			name, token, body string
			want              error
		}{
			{"no line protocol", auth.Token, "this is, no = line protocol at all\n", telemetry.ErrMalformed},
			{"half bad", auth.Token, "half,clientId=writer1 v=1\nhalf,clientId=writer1 v=\n", telemetry.ErrMalformed},
			{"another type", auth.Token, "typed,clientId=writer1 v=\"text\" " + itoa(at.Add(1).UnixNano()) + "\n", telemetry.ErrRejected},
			{"unknown token", "no-such-token", "x,clientId=writer1 v=1\n", telemetry.ErrUnauthorized},
			{"no token", "", "x,clientId=writer1 v=1\n", telemetry.ErrUnauthorized},
		} {
			err := s.DB.WriteLines(ctx, c.token, []byte(c.body), "ns")
			var answer *telemetry.WriteError
			if !errors.Is(err, c.want) || !errors.As(err, &answer) {
				t.Errorf("%s: %v, want %v with the database's answer", c.name, err, c.want)
				continue
			}
			if answer.Status < 400 || answer.Status >= 500 || answer.Message == "" {
				t.Errorf("%s: %+v", c.name, answer)
			}
			if c.token != "" && strings.Contains(err.Error(), c.token) {
				t.Errorf("%s: the error shows the token", c.name)
			}
		}
		if got, err := s.DB.LastEntry(ctx, "writer1", "half", time.Time{}); err != nil || !got.IsZero() {
			t.Errorf("the good half of a malformed batch was stored: %v, %v", got, err)
		}
	})
}
