package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"iotcenter/devices"
	"iotcenter/emulator"
	"iotcenter/handlers"
	"iotcenter/influx"
	"iotcenter/influx/embedded"
	"iotcenter/telemetry"
)

// streams are where the program writes, and what a test wants to know of it.
type streams struct {
	out io.Writer // the line for the person who started it
	log io.Writer
	// listening, if set, is called when the app can be reached; other is nil without EMBEDDED_LISTEN.
	listening func(app, other net.Addr)
}

// Times of a graceful stop, together less than ten seconds.
const (
	stopRequests = 5 * time.Second // for requests and backfills to end by themselves
	stopRest     = 2 * time.Second // for what was cut short after that
)

// run is the program: it serves until ctx ends, then stops gracefully. Its error names the variable to change
// where one is to blame.
func run(ctx context.Context, c Config, io streams) (err error) {
	if err := c.validate(); err != nil {
		return err
	}
	log := newLogger(c, io.log)
	if c.InsecureOpen {
		log.Warn("INSECURE_OPEN has no meaning any more: people and programs sign in, on any HOST")
	}
	secret, err := loadSecrets(c)
	if err != nil {
		return err
	}
	var certificate *certificates
	if c.https() {
		if certificate, err = openCertificates(c.TLSCert, c.TLSKey, time.Now, log); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(c.Host, c.Port))
	if err != nil {
		return fmt.Errorf("HOST, PORT: %w", err)
	}
	defer listener.Close()

	a, err := build(ctx, c, secret, log)
	if err != nil {
		return err
	}
	a.certificate = certificate
	defer func() { err = errors.Join(err, a.closeDatabase()) }()
	var other net.Listener
	if c.EmbeddedListen != "" {
		if other, err = net.Listen("tcp", c.EmbeddedListen); err != nil {
			return fmt.Errorf("EMBEDDED_LISTEN: %w", err)
		}
		defer other.Close()
	}
	if a.embedded != nil {
		if control, controlErr := listenControl(c.DataDir); controlErr != nil {
			log.Warn("commands such as backup cannot reach this program", "error", controlErr)
		} else {
			a.control = control
			defer control.Close()
		}
	}
	return a.serve(ctx, listener, other, io)
}

// app is the wired program.
type app struct {
	log        *slog.Logger
	authBucket string
	publicURL  string           // PUBLIC_URL; may be ""
	embedded   *embedded.Server // nil with INFLUX_URL
	db         *influx.DB
	server     *handlers.Server
	fleet      *devices.Fleet
	backfills  *emulator.Backfills
	live       *emulator.Live
	registry   *devices.Registry
	members
	control net.Listener // for commands; nil with INFLUX_URL

	certificate *certificates // nil without TLS_CERT
}

// build wires the rooms. It talks to no InfluxDB over the network: that is for later, when the app already serves.
func build(ctx context.Context, c Config, secret secrets, log *slog.Logger) (*app, error) {
	a := &app{log: log, authBucket: c.InfluxBucketAuth, publicURL: strings.TrimRight(c.PublicURL, "/")}
	metrics := handlers.NewMetrics()
	sealer, err := devices.NewSealer(secret.key)
	if err != nil {
		return nil, err
	}
	proxies, err := c.trustedProxies()
	if err != nil {
		return nil, fmt.Errorf("TRUSTED_PROXIES: %w", err)
	}
	config := influx.Config{
		URL: c.InfluxURL, Token: secret.influxToken, Org: c.InfluxOrg, Bucket: c.InfluxBucket, AuthBucket: c.InfluxBucketAuth,
		SecretCheck: sealer.Check(), Log: log, Observe: metrics.Observe,
	}
	if c.embedded() {
		if a.embedded, err = embedded.Open(ctx, embedded.Options{Dir: c.DataDir, Log: log}); err != nil {
			return nil, fmt.Errorf("DATA_DIR: %w", err)
		}
		config.Embedded, config.HTTPClient = true, a.embedded.HTTPClient()
	}
	if a.db, err = influx.New(config); err != nil {
		return nil, errors.Join(err, a.closeDatabase())
	}
	registry := devices.NewRegistry(devices.RegistryOptions{Store: a.db, Auth: a.db, Sealer: sealer, Uses: a.db, Poll: pollLedger, Log: log})
	a.registry = registry
	if err := a.buildMembers(secret, sealer, registry); err != nil {
		return nil, errors.Join(err, a.closeDatabase())
	}
	a.fleet = devices.NewFleet(devices.FleetOptions{Registry: registry, Activity: a.db, Log: log})
	intake := &telemetry.Intake{Writer: a.db, Tokens: registry, Wrote: func(id devices.ID, _ int) { a.fleet.Wrote(id) }}
	emulate := emulator.Options{Registry: registry, Intake: intake, Last: a.db, Runs: a.db, Seed: uint64(time.Now().UnixNano()), Log: log}
	a.backfills, a.live = emulator.NewBackfills(emulate), emulator.NewLive(emulate)
	a.server = handlers.New(handlers.Options{
		Registry: registry, Fleet: a.fleet, Activity: a.db, Reader: a.db, Writer: a.db, Rows: a.db, Points: a.db, Profiles: a.profiles, Buckets: a.db, Database: a.db,
		People: a.directory, Audit: a.audit, Enrolment: a.enrolment,
		Backfills: a.backfills, Live: a.live, SessionKey: secret.session, PublicURL: c.PublicURL, InfluxPublicURL: c.InfluxPublicURL,
		TrustedProxies: proxies, AuthProxyHeader: http.CanonicalHeaderKey(c.AuthProxyHeader),
		Limits: handlers.Limits{
			DeviceRequests: c.LimitDeviceRequests, DevicePoints: c.LimitDevicePoints, Requests: c.LimitRequests, Points: c.LimitPoints,
		},
		Version: versionText(), Log: log, Metrics: metrics,
	})
	return a, nil
}

// closeLimit is how long the embedded database may take to close.
const closeLimit = 3 * time.Second

// closeDatabase comes last: everything that writes has ended. A query that the engine cannot interrupt does not keep the
// program from ending: what was acknowledged is on disk, as it is when the machine stops.
func (a *app) closeDatabase() error {
	if a.embedded == nil {
		return nil
	}
	closed := make(chan error, 1)
	go func() { closed <- a.embedded.Close() }()
	select {
	case err := <-closed:
		return err
	case <-time.After(closeLimit):
		a.log.Warn("the database still runs a query; the program ends without it")
		return nil
	}
}

// serve answers requests until ctx ends or a part fails, then stops everything in order.
func (a *app) serve(ctx context.Context, listener, other net.Listener, io streams) error {
	requests, cutRequests := context.WithCancel(context.WithoutCancel(ctx))
	defer cutRequests()
	database, endDatabase := context.WithCancel(context.WithoutCancel(ctx))
	defer endDatabase()

	servers := []*http.Server{a.httpServer(a.server.Handler(), requests)}
	servers[0].RegisterOnShutdown(a.server.CloseStreams)
	if a.certificate != nil {
		servers[0].TLSConfig = a.certificate.config()
	}
	if other != nil {
		servers = append(servers, a.httpServer(a.embedded.Handler(), requests))
	}

	var control *http.Server
	if a.control != nil {
		control = a.controlServer(requests)
		servers = append(servers, control)
	}

	group, failing := errgroup.WithContext(ctx) // ends with ctx, or when a part fails
	group.Go(func() error {
		err := ended(a.db.Run(database))
		if errors.Is(err, devices.ErrWrongKey) {
			return fmt.Errorf("SECRET_KEY: the registrations in %s are %w", a.authBucket, err)
		}
		return err
	})
	group.Go(func() error {
		if a.certificate == nil {
			return ended(servers[0].Serve(listener))
		}
		return ended(servers[0].ServeTLS(listener, "", ""))
	})
	if a.certificate != nil {
		group.Go(func() error { a.certificate.watch(failing); return nil })
	}
	if control != nil {
		group.Go(func() error { return ended(control.Serve(a.control)) })
	}
	group.Go(func() error {
		if a.waitReady(failing) {
			_, _ = a.fleet.Snapshot(failing) // so that the first page need not wait for it; a failure is logged there
		}
		return nil
	})
	if other != nil {
		group.Go(func() error {
			if !a.waitReady(failing) {
				return nil // stopped before there was anything to serve
			}
			a.log.Info("the embedded InfluxDB is open to other programs", "address", other.Addr().String())
			return ended(servers[1].Serve(other))
		})
	}
	endMembers := a.runMembers(ctx)
	group.Go(func() error {
		<-failing.Done()
		a.stop(servers, cutRequests)
		endMembers() // they write what is left
		endDatabase()
		return nil
	})

	address := appURL(listener.Addr(), a.certificate != nil)
	group.Go(func() error { return a.firstAdmin(failing, cmp.Or(a.publicURL, address), io.out) })
	a.log.Info("listening", "address", listener.Addr().String(), "version", versionText(), "embedded", a.embedded != nil)
	fmt.Fprintln(io.out, "IoT Center is at", address)
	if io.listening != nil {
		var second net.Addr
		if other != nil {
			second = other.Addr()
		}
		io.listening(listener.Addr(), second)
	}
	err := group.Wait()
	a.log.Info("stopped")
	return err
}

// waitReady waits until the database is set up: before that, whoever comes first could set it up as theirs.
func (a *app) waitReady(ctx context.Context) bool {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !a.db.Status().Ready {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// stop ends everything that may still write: it takes no new connections, ends event streams and emulated devices,
// and waits for the rest; what is not done in time is cut.
func (a *app) stop(servers []*http.Server, cutRequests context.CancelFunc) {
	a.log.Info("stopping")
	defer a.fleet.Close() // no page waits for it any more
	ctx, cancel := context.WithTimeout(context.Background(), stopRequests)
	defer cancel()
	var parts errgroup.Group
	for _, s := range servers {
		parts.Go(func() error { return s.Shutdown(ctx) })
	}
	parts.Go(func() error { return a.backfills.Close(ctx) })
	parts.Go(func() error { return a.live.Close(ctx) })
	if err := parts.Wait(); err == nil {
		return
	}
	a.log.Warn("requests were still running at the end of the grace period and are cut short")
	cutRequests()
	rest, cancelRest := context.WithTimeout(context.Background(), stopRest)
	defer cancelRest()
	for _, s := range servers {
		if s.Shutdown(rest) != nil {
			_ = s.Close() // the second try has the same error
		}
	}
}

// httpServer has limits on everything that a client could drag out. Event streams lift the write timeout for themselves.
func (a *app) httpServer(h http.Handler, base context.Context) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          log.New(serverErrors{a.log}, "", 0),
		// `OPTIONS *` comes to the handler like everything else, and gets its headers.
		DisableGeneralOptionsHandler: true,
	}
}

// ended takes the ways of ending that were asked for out of an error.
func ended(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// appURL is where a browser on this machine finds the app.
func appURL(addr net.Addr, https bool) string {
	scheme := "http"
	if https {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return scheme + "://" + addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return (&url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port)}).String()
}
