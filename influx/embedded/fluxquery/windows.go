package fluxquery

import (
	"sort"

	"github.com/apache/arrow/go/arrow/array"
	"github.com/influxdata/flux/execute"
	"github.com/influxdata/flux/memory"
)

// windows cuts the rows of one series, which come in the order of time, into windows.
type windows[T any] struct {
	bounds execute.Bounds
	every  int64
	empty  bool // windows without rows are wanted
	begin  bool // _time is the window's first edge instead of its last
	red    reducer[T]
	stamps *array.Int64Builder

	start, stop int64 // of the current window, whole, not cut by the bounds
	rows        bool  // the current window has rows
}

func newWindows[T any](bounds execute.Bounds, spec *windowSpec, red reducer[T], alloc *memory.Allocator) *windows[T] {
	w := &windows[T]{
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
func (w *windows[T]) seek(t int64) {
	w.start = t - t%w.every
	w.stop = w.start + w.every
}

// add takes the rows of one piece of the series.
func (w *windows[T]) add(times []int64, values []T) {
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
		j := i + before(times[i:n], w.stop)
		w.red.add(values[i:j])
		w.rows = true
		i = j
	}
}

// before counts the times before stop; the first of them is. It takes steps that double, so that many short windows
// cost no more than a look at each row, and long ones a few looks at all.
func before(times []int64, stop int64) int {
	n := len(times)
	if times[n-1] < stop {
		return n
	}
	low, step := 0, 1
	for low+step < n && times[low+step] < stop {
		low += step
		step *= 2
	}
	high := min(low+step, n-1) // not before stop
	return low + 1 + sort.Search(high-low-1, func(k int) bool { return times[low+1+k] >= stop })
}

// advance ends the current window and goes on to the one that holds t.
func (w *windows[T]) advance(t int64) {
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
func (w *windows[T]) emit() {
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
func (w *windows[T]) finish() {
	w.emit()
	if !w.empty {
		return
	}
	for w.stop < int64(w.bounds.Stop) {
		w.start, w.stop = w.stop, w.stop+w.every
		w.emit()
	}
}
