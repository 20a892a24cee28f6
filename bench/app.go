package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"path/filepath"
	"time"

	"iotcenter/e2e/program"
)

// What the programs of a run are told.
const (
	operator = "bench-operator-token-0123456789abcdef"
	secret   = "bench-secret-key-0123456789abcdefghijkl"
	org      = "bench"
	bucket   = "iot_center"
	auth     = "iot_center_auth"
)

// app is a running program, with its embedded InfluxDB open for raw access.
type app struct {
	*program.Program
	client  *http.Client
	session *http.Cookie // of the admin
	raw     *influx      // its database, past the app
}

// start starts a program on an empty folder.
func (b *bench) start(ctx context.Context, name string) (*app, error) {
	port, err := program.FreePort()
	if err != nil {
		return nil, err
	}
	listen := "127.0.0.1:" + port
	p, err := program.Start(ctx, program.Options{Bin: b.bin, DataDir: filepath.Join(b.dir, name), Env: []string{
		"EMBEDDED_LISTEN=" + listen, "INFLUX_TOKEN=" + operator, "INFLUX_ORG=" + org, "SECRET_KEY=" + secret, "LOG_LEVEL=warn",
		"LIMIT_DEVICE_REQUESTS=0", "LIMIT_DEVICE_POINTS=0", "LIMIT_REQUESTS=0", "LIMIT_POINTS=0", // it is the machine that is measured
	}})
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128, DisableCompression: true}, Timeout: 2 * time.Minute}
	session, err := p.SignIn(ctx, program.Admin, program.Password)
	if err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return &app{Program: p, client: client, session: session, raw: &influx{base: "http://" + listen, client: client}}, nil
}

// call makes a request to the app and wants one of the statuses.
func (a *app) call(ctx context.Context, method, path, body string, header http.Header, want ...int) ([]byte, http.Header, error) {
	return call(ctx, a.client, method, a.URL+path, body, header, a.session, want...)
}

func (a *app) get(ctx context.Context, path string) ([]byte, error) {
	body, _, err := a.call(ctx, http.MethodGet, path, "", nil, http.StatusOK)
	return body, err
}

// register registers a device and gives its token.
func (a *app) register(ctx context.Context, id string) (string, error) {
	if _, _, err := a.call(ctx, http.MethodPost, "/api/devices/"+id, "", nil, http.StatusCreated, http.StatusOK); err != nil {
		return "", err
	}
	body, err := a.get(ctx, "/api/env/"+id)
	if err != nil {
		return "", err
	}
	var env struct {
		Token string `json:"influx_token"`
	}
	if err := json.Unmarshal(body, &env); err != nil {
		return "", err
	}
	return env.Token, nil
}

// write writes lines with second precision through the gateway.
func (a *app) write(ctx context.Context, token string, lines string) error {
	_, _, err := a.call(ctx, http.MethodPost, "/influx/api/v2/write?precision=s&bucket="+bucket, lines,
		http.Header{"Authorization": {"Token " + token}}, http.StatusNoContent)
	return err
}

// firstByte is the time from sending a request to the first byte of its answer.
func (a *app) firstByte(ctx context.Context, path string) (time.Duration, error) {
	var first time.Time
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotFirstResponseByte: func() { first = time.Now() }})
	begin := time.Now()
	if _, err := a.get(traced, path); err != nil {
		return 0, err
	}
	return first.Sub(begin), nil
}

// call makes a request. session is for the app's pages, and nil past the app.
func call(ctx context.Context, client *http.Client, method, url, body string, header http.Header, session *http.Cookie, want ...int) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if session != nil {
		program.Authorize(req, session)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, nil, err
	}
	for _, status := range want {
		if res.StatusCode == status {
			return answer, res.Header, nil
		}
	}
	return nil, nil, fmt.Errorf("%s %s: status %d: %.300s", method, url, res.StatusCode, answer)
}
