package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"
)

// healthTimeout is how long a health check waits for the answer.
const healthTimeout = 3 * time.Second

// health asks the program that runs with this configuration on this machine whether it lives. It is the health check
// of a container that has neither a shell nor curl.
func health(ctx context.Context, c Config) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	transport, scheme := &http.Transport{Proxy: nil, DisableKeepAlives: true}, "http"
	if c.https() {
		scheme = "https"
		// The certificate names the app's public name, and this is the local address. Nothing secret is sent, and whoever
		// could answer in the app's place on its own machine could hold a certificate for it as well.
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // see above
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+localAddress(c)+"/healthz", nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: transport}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("/healthz answers %s", res.Status)
	}
	return nil
}

// localAddress is where a program that listens as configured is reached from its own machine: one that listens on all
// addresses is reached on the loopback.
func localAddress(c Config) string {
	host := c.Host
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, c.Port)
}
