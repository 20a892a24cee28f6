package influx

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// maxAnswer bounds the answers of the management API.
const maxAnswer = 16 << 20

// call does one request of the JSON API. It goes through the client library's HTTP service, because the library's own
// methods reduce an error to a text and lose its status. path is relative to the base URL; in and out may be nil.
func (db *DB) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, db.address(path, query), body)
	if err != nil {
		return fmt.Errorf("influx: request: %w", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return db.send(req, nil, func(resp *http.Response) error {
		if out == nil {
			return nil
		}
		text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		if err != nil {
			return err
		}
		return json.Unmarshal(text, out)
	})
}

// send does a request; read sees a successful answer and need not close its body.
func (db *DB) send(req *http.Request, prepare func(*http.Request), read func(*http.Response) error) error {
	err := db.service.DoHTTPRequest(req, prepare, func(resp *http.Response) error {
		defer resp.Body.Close()
		if err := read(resp); err != nil {
			return err
		}
		// What is left of a short answer is read so that the connection can serve again.
		_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
		return nil
	})
	if err != nil { // a nil *http.Error must not become a non-nil error
		return err
	}
	return nil
}

// address is a URL of the database.
func (db *DB) address(path string, query url.Values) string {
	out := db.cfg.URL + "/" + path
	if len(query) > 0 {
		out += "?" + query.Encode()
	}
	return out
}
