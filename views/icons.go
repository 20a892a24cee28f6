package views

import (
	"context"
	"fmt"
	"io"

	"github.com/a-h/templ"
)

// Icon draws a lucide icon, hidden from screen readers: words stand beside it or name its button.
// classes are further CSS classes.
func Icon(name string, classes ...string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		shapes := iconShapes(name)
		if shapes == "" {
			return fmt.Errorf("there is no icon %q; views/icons/gen.mjs lists them", name)
		}
		class := "i"
		for _, c := range classes {
			class += " " + c
		}
		_, err := io.WriteString(w, `<svg class="`+templ.EscapeString(class)+`" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">`+shapes+`</svg>`)
		return err
	})
}
