package views

//go:generate node icons/gen.mjs
//go:generate go run ./help/gen
