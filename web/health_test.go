package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

func TestHealth(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.WriteHeader(status)
	}))
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Host: "0.0.0.0", Port: u.Port()}
	if err := health(t.Context(), c); err != nil {
		t.Errorf("a living program: %v", err)
	}
	status = http.StatusInternalServerError
	if err := health(t.Context(), c); err == nil {
		t.Error("a failing program counts as healthy")
	}
	server.Close()
	if err := health(t.Context(), c); err == nil {
		t.Error("a program that is not there counts as healthy")
	}
}

func TestLocalAddress(t *testing.T) {
	for host, want := range map[string]string{
		"127.0.0.1": "127.0.0.1:5000", "0.0.0.0": "127.0.0.1:5000", "": "127.0.0.1:5000",
		"::": "[::1]:5000", "::1": "[::1]:5000", "192.0.2.7": "192.0.2.7:5000", "localhost": "localhost:5000",
	} {
		if got := localAddress(Config{Host: host, Port: "5000"}); got != want {
			t.Errorf("HOST %q is reached at %s, want %s", host, got, want)
		}
	}
}
