// Package views is the pages and their parts: one typed view model a page,
// built by a plain function from what the rooms know, and templ components that
// draw it. It reads nothing and knows no request; the policy that pages live
// under allows no inline script, style or handler, so geometry travels as SVG
// attributes and behaviour as data attributes that static/src/app.js knows.
package views
