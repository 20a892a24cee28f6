package fluxquery

import (
	"github.com/apache/arrow/go/arrow/array"
	"github.com/influxdata/flux"
	"github.com/influxdata/flux/execute"
	"github.com/influxdata/flux/memory"
)

// windows cuts the rows of one series, which come in the order of time, into windows.
type windows struct {
	bounds execute.Bounds
	every  int64
	empty  bool // windows without rows are wanted
	begin  bool // _time is the window's first edge instead of its last
	red    reducer
	stamps *array.Int64Builder

	start, stop int64 // of the current window, whole, not cut by the bounds
	rows        bool  // the current window has rows
}

func newWindows(bounds execute.Bounds, spec *windowSpec, red reducer, alloc *memory.Allocator) *windows {
	w := &windows{
		bounds: bounds, every: spec.every, red: red,
		// A selector has nothing to select in an empty window, wanted or not.
		empty:  spec.createEmpty && !red.selects(),
		begin:  spec.stamp == execute.DefaultStartColLabel,
		stamps: array.NewInt64Builder(alloc),
	}
	w.seek(int64(bounds.Start))
	return w
}

// seek makes the window that holds t the current one.
func (w *windows) seek(t int64) {
	w.start = t - t%w.every
	w.stop = w.start + w.every
}

// add takes the rows of one piece of the series.
func (w *windows) add(times []int64, cr flux.ColReader, col int) {
	i, n := 0, len(times)
	// A range that begins with the epoch is unbounded for the store: it may bring rows from before it.
	for i < n && times[i] < int64(w.bounds.Start) {
		i++
	}
	for n > i && times[n-1] >= int64(w.bounds.Stop) {
		n--
	}
	for i < n {
		if times[i] >= w.stop {
			w.advance(times[i])
		}
		j := i + 1
		for j < n && times[j] < w.stop {
			j++
		}
		w.red.add(cr, col, i, j)
		w.rows = true
		i = j
	}
}

// advance ends the current window and goes on to the one that holds t.
func (w *windows) advance(t int64) {
	w.emit()
	if !w.empty {
		w.seek(t)
		return
	}
	for w.start, w.stop = w.stop, w.stop+w.every; t >= w.stop; w.start, w.stop = w.stop, w.stop+w.every {
		w.emit()
	}
}

// emit writes the row of the current window, if it has one.
func (w *windows) emit() {
	if !w.rows && !w.empty {
		return
	}
	if w.begin {
		w.stamps.Append(max(w.start, int64(w.bounds.Start)))
	} else {
		w.stamps.Append(min(w.stop, int64(w.bounds.Stop)))
	}
	w.red.emit(w.rows)
	w.rows = false
}

// finish writes what is left, up to the end of the range.
func (w *windows) finish() {
	w.emit()
	if !w.empty {
		return
	}
	for w.stop < int64(w.bounds.Stop) {
		w.start, w.stop = w.stop, w.stop+w.every
		w.emit()
	}
}
