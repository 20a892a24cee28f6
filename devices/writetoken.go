package devices

import (
	"context"
	"sync"
)

// maxWriteTokens is how many tokens a process remembers: a few megabytes.
const maxWriteTokens = 10_000

// Known is Get for programs that write: it answers from memory where the device is known there, and asks the store
// only for others. Errors: ErrNotFound, ErrUnavailable.
func (r *Registry) Known(ctx context.Context, id ID) (Device, error) {
	if d, _, registered := r.model.device(id); registered {
		return d, nil
	}
	return r.Get(ctx, id)
}

// WriteToken gives the token of a registered device, remembered from an earlier time where the registration is still the
// same; fresh reads it anew. Errors as of Credentials.
//
// What is remembered counts only while this process knows the device as registered, with the same authorization, and
// neither suspended nor about to be removed. What another replica has changed a moment ago the database finds out: it
// refuses the token, and the caller comes back with fresh. It does not count as a use of the token.
func (r *Registry) WriteToken(ctx context.Context, id ID, fresh bool) (string, error) {
	came := r.writing.started()
	for {
		// With fresh, only what was read after the call will do.
		if t, ok := r.writing.get(id); ok && (!fresh || t.number > came) && r.model.writable(id, t) {
			return t.token, nil
		}
		f, mine := r.writing.join(id)
		if mine {
			r.fetchToken(ctx, id, f)
			return f.token, f.err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return "", ctx.Err()
		}
		// Whoever reads for all may leave before the end.
		if fresh && f.number <= came || f.left {
			continue
		}
		return f.token, f.err
	}
}

// fetchToken reads a token for all who wait for it.
func (r *Registry) fetchToken(ctx context.Context, id ID, f *tokenFetch) {
	f.left = true // should Credentials panic
	var found *writeToken
	defer func() { r.writing.finish(id, f, found) }()
	d, token, err := r.Credentials(ctx, id)
	f.token, f.err, f.left = token, err, err != nil && ctx.Err() != nil
	if err == nil {
		found = &writeToken{key: d.Key, token: token, hash: r.Sealer.sum(token), number: f.number}
	}
}

// writeTokens remembers tokens that Credentials gave. Its zero value is ready.
type writeTokens struct {
	mu      sync.Mutex
	known   map[ID]writeToken
	running map[ID]*tokenFetch
	begun   uint64 // fetches that have started
}

// writeToken is a token and what it was remembered with.
type writeToken struct {
	key    string // the authorization
	token  string
	hash   tokenHash
	number uint64 // of the fetch that found it
}

// tokenFetch is one reading of a token, which all who want it at this moment share. Its result may be read once done is closed.
type tokenFetch struct {
	number uint64
	done   chan struct{}
	token  string
	err    error
	left   bool // it failed because the one who did it left: the others try for themselves
}

// started is the number of the newest fetch.
func (w *writeTokens) started() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.begun
}

func (w *writeTokens) get(id ID) (writeToken, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, ok := w.known[id]
	return t, ok
}

// join gives the fetch that is under way for an id; mine tells that it is a new one, which the caller has to do.
func (w *writeTokens) join(id ID) (f *tokenFetch, mine bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f = w.running[id]; f != nil {
		return f, false
	}
	if w.running == nil {
		w.running = make(map[ID]*tokenFetch)
	}
	w.begun++
	f = &tokenFetch{number: w.begun, done: make(chan struct{})}
	w.running[id] = f
	return f, true
}

// finish ends a fetch, and remembers what it found. When there are too many, any of the others has to go.
func (w *writeTokens) finish(id ID, f *tokenFetch, found *writeToken) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.running, id)
	close(f.done)
	delete(w.known, id)
	if found == nil {
		return
	}
	if w.known == nil {
		w.known = make(map[ID]writeToken)
	}
	for other := range w.known {
		if len(w.known) < maxWriteTokens {
			break
		}
		delete(w.known, other)
	}
	w.known[ownID(id)] = *found
}

// writable tells whether a token that is remembered for a device is, for all that is known here, still the device's.
func (m *readModel) writable(id ID, t writeToken) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	r := m.rows[id]
	return r != nil && r.key != "" && r.key == t.key && !r.suspended && !m.halted[id] && !m.refused[t.hash]
}
