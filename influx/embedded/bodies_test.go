package embedded

import (
	"bytes"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestBodiesTakeMemoryAsTheyCome: the bytes of bodies under way are bounded
// together, and all of them are given back.
func TestBodiesTakeMemoryAsTheyCome(t *testing.T) {
	budget := &byteBudget{most: 1000}
	read := func(body io.Reader) ([]byte, error) {
		r := httptest.NewRequest("POST", "/", body)
		return readCounted(httptest.NewRecorder(), r, 10_000, budget)
	}
	first, err := read(strings.NewReader(strings.Repeat("x", 600)))
	if err != nil || len(first) != 600 || budget.held.Load() != 600 {
		t.Fatalf("%d bytes, %v, %d held", len(first), err, budget.held.Load())
	}
	if _, err := read(bytes.NewReader(make([]byte, 600))); err != errBodies {
		t.Errorf("beyond the budget: %v", err)
	}
	if _, err := read(io.MultiReader(strings.NewReader("ab"), failing{})); err == nil {
		t.Error("a body that breaks off is none")
	}
	if n := budget.held.Load(); n != 600 {
		t.Errorf("%d bytes are held after two failures, want 600", n)
	}
	budget.giveBack(len(first))
	if _, err := read(strings.NewReader(strings.Repeat("y", 1000))); err != nil {
		t.Errorf("within the budget: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
