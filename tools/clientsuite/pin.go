//go:build e2e

package clientsuite

import (
	_ "github.com/influxdata/influxdb-client-go/v2" // its tests
	_ "github.com/stretchr/testify/require"         // what they import
)
