package views

// textInput is a line of text in a form.
type textInput struct {
	ID, Name, Label, Value string
	Problem, Hint          string // sentences; may be ""
	Mono                   bool
	Number                 bool // a phone shows digits
	Optional               bool
	First                  bool // takes the focus
}

// orDash shows that there is nothing to show.
func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return Visible(s)
}
