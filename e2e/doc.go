// Package e2e holds the journeys of a person through the real program in a real
// browser: the binary, a fresh data folder, Chromium. The journeys stand behind
// the build tag e2e; `make e2e` runs them. Without Chromium each is skipped by
// name, and fails under CI=true.
//
// Screenshots go to e2e/artifacts, which git ignores.
package e2e
