// Package main is the IoT Center: it reads the configuration, wires the rooms
// together, and starts and stops them. What the program does stands in the
// rooms; this one knows them all and is known by none.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// version is set by the linker for a release; otherwise the build's own notes tell.
var version string

func main() {
	config, command, err := parse(os.Args[1:], os.Getenv, os.Stdout)
	switch {
	case errors.Is(err, errHelped):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "iot-center:", err)
		os.Exit(2)
	case command == "version":
		fmt.Println("iot-center", versionText())
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if command == "health" {
		if err := health(ctx, config); err != nil {
			fmt.Fprintln(os.Stderr, "iot-center:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(ctx, config, streams{out: os.Stdout, log: os.Stderr}); err != nil {
		fmt.Fprintln(os.Stderr, "iot-center:", err)
		os.Exit(1)
	}
}

// versionText names the build.
func versionText() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			revision = s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-modified"
		}
	}
	switch {
	case info.Main.Version != "" && info.Main.Version != "(devel)":
		return info.Main.Version
	case revision != "":
		return revision + dirty
	default:
		return "development"
	}
}
