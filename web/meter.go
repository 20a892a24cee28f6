package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// meter shows how far a command is: one line that changes on a terminal, otherwise a line now and then.
type meter struct {
	to       io.Writer
	terminal bool
	every    time.Duration
	what     string
	began    time.Time
	shown    time.Time
}

func newMeter(to io.Writer, what string) *meter {
	m := &meter{to: to, what: what, every: 5 * time.Second, began: time.Now()}
	m.shown = m.began
	if f, ok := to.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			m.terminal, m.every = true, 200*time.Millisecond
		}
	}
	return m
}

// bytes shows bytes done of a total; 0: nobody knows.
func (m *meter) bytes(done, total int64) {
	if total > 0 {
		m.show(func() string {
			return fmt.Sprintf("%s of %s, %d %%", size(done), size(total), 100*min(done, total)/total)
		})
		return
	}
	m.show(func() string { return size(done) })
}

// points shows points and bytes done.
func (m *meter) points(points, bytes int64) {
	m.show(func() string { return fmt.Sprintf("%d points, %s, %s", points, size(bytes), m.rate(points)) })
}

func (m *meter) rate(points int64) string {
	return fmt.Sprintf("%.0f points/s", float64(points)/max(time.Since(m.began).Seconds(), 1e-3))
}

func (m *meter) show(text func() string) {
	now := time.Now()
	if now.Sub(m.shown) < m.every {
		return
	}
	m.shown = now
	if m.terminal {
		fmt.Fprintf(m.to, "\r\033[K%s: %s", m.what, text())
		return
	}
	fmt.Fprintf(m.to, "%s: %s\n", m.what, text())
}

// end shows the last line.
func (m *meter) end(format string, a ...any) {
	if m.terminal {
		fmt.Fprint(m.to, "\r\033[K")
	}
	fmt.Fprintf(m.to, "%s: %s in %v\n", m.what, fmt.Sprintf(format, a...), time.Since(m.began).Round(10*time.Millisecond))
}

// cut takes an unfinished line off the terminal, for an error to follow.
func (m *meter) cut() {
	if m.terminal {
		fmt.Fprint(m.to, "\r\033[K")
	}
}

// size is a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	default:
		return fmt.Sprintf("%.1f kB", float64(n)/(1<<10))
	}
}
