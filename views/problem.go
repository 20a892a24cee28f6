package views

// Problem is an error page: what happened, and how to find it in the log.
type Problem struct {
	Status    int
	Title     string // "Page not found"
	Message   string // a sentence for people
	Path      string // the address that was asked for; may be ""
	RequestID string
	Retry     bool // trying again can help: offer it
}
