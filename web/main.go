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
	cli, command, err := parse(os.Args[1:], os.Getenv, os.Stdout)
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
	if err := perform(ctx, cli, command, terminal{in: os.Stdin, out: os.Stdout, err: os.Stderr}); err != nil {
		fmt.Fprintln(os.Stderr, "iot-center:", err)
		os.Exit(1)
	}
}

// perform runs one command.
func perform(ctx context.Context, cli commandLine, command string, t terminal) error {
	switch command {
	case "health":
		return health(ctx, cli.Config)
	case "backup":
		return backup(ctx, cli.Config, cli.Backup.File, cli.Backup.Force, t)
	case "restore":
		return restore(ctx, cli.Config, cli.Restore.File, cli.Restore.Replace, t)
	case "export":
		return export(ctx, cli.Config, cli.Export, t)
	case "import":
		return importLines(ctx, cli.Config, cli.Import, t)
	case "reset-password":
		return resetPassword(ctx, cli.Config, cli.ResetPassword.Name, t)
	}
	return run(ctx, cli.Config, streams{out: t.out, log: t.err})
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
