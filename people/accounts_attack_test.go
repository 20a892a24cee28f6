package people

import (
	"errors"
	"testing"
	"time"
)

// Somebody who is being removed, or whose role is being taken, changes their password on another replica in that moment:
// the account that the other replica has read must not come back.
func TestWhatAnAdminDoesHoldsAgainstTheirOwnChange(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(w *world, d *Directory) error
		want Role
	}{
		{"removed", func(w *world, d *Directory) error { return d.RemoveAccount(w.Context(), "mallory") }, NoRole},
		{"role taken", func(w *world, d *Directory) error { return d.SetRole(w.Context(), "mallory", Viewer) }, Viewer},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			here, there := w.replica(), w.replica()
			w.add(here, "ann", Admin)
			w.add(here, "mallory", Admin)
			w.clock.pass(time.Second)
			err := there.changeOwn(w.Context(), "mallory", func(_ string, a *account) error {
				w.clock.pass(time.Millisecond)
				if err := row.do(w, here); err != nil {
					t.Fatal(err)
				}
				w.clock.pass(time.Millisecond)
				a.setPassword(a.Password, w.clock.now())
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range []*Directory{here, there, w.replica()} {
				w.refresh(d)
				a, err := d.Account("mallory")
				if row.want == NoRole && !errors.Is(err, ErrNotFound) || row.want != NoRole && a.Role != row.want {
					t.Errorf("the account is %+v, %v", a, err)
				}
			}
		})
	}
}
