package handlers

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// preferences are how a person likes pages to be. They are no secret, and outlive the session: a cookie of their own.
type preferences struct {
	Theme string   // "light", "dark", or "" to follow the system
	Help  []string // topics whose help is open
}

const (
	preferencesName = "iot_center_view"
	preferencesAge  = 365 * 24 * time.Hour
	maxHelpTopics   = 20
)

var helpTopic = regexp.MustCompile(`^[a-z][a-z_-]{0,30}$`)

// preferences reads what the browser brought; what makes no sense is left out.
func (s *Server) preferences(r *http.Request) preferences {
	var p preferences
	cookie, err := r.Cookie(preferencesName)
	if err != nil {
		return p
	}
	values, err := url.ParseQuery(cookie.Value)
	if err != nil {
		return p
	}
	p.setTheme(values.Get("theme"))
	for topic := range strings.SplitSeq(values.Get("help"), ".") {
		p.setHelp(topic, true)
	}
	return p
}

// savePreferences sends them to the browser; call it before the answer begins.
func (s *Server) savePreferences(w http.ResponseWriter, r *http.Request, p preferences) {
	values := url.Values{}
	if p.Theme != "" {
		values.Set("theme", p.Theme)
	}
	if len(p.Help) > 0 {
		values.Set("help", strings.Join(p.Help, "."))
	}
	http.SetCookie(w, &http.Cookie{
		Name: preferencesName, Value: values.Encode(), Path: "/", MaxAge: int(preferencesAge / time.Second),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.clientOf(r).Secure,
	})
}

// setTheme takes "light", "dark" and "".
func (p *preferences) setTheme(theme string) {
	if theme == "light" || theme == "dark" || theme == "" {
		p.Theme = theme
	}
}

// setHelp opens or closes the help of a topic.
func (p *preferences) setHelp(topic string, open bool) {
	p.Help = slices.DeleteFunc(p.Help, func(t string) bool { return t == topic })
	if open && helpTopic.MatchString(topic) && len(p.Help) < maxHelpTopics {
		p.Help = append(p.Help, topic)
	}
}

// helpOpen tells whether the help of a topic is open.
func (p preferences) helpOpen(topic string) bool { return slices.Contains(p.Help, topic) }
