package telemetry

import (
	"strings"
	"testing"
)

// The tables of the original's documentation, but for product_imei, which is a tag; and the units that its names tell.
func TestSchemaIsTheTablesOfTheSeed(t *testing.T) {
	const (
		measured = `ac_current:float:A ac_voltage:float:V active_power:float:W apparent_power:float:VA charge_current:float:A current:float:A
			current_in:float:A current_out:float:A dc_load_current:float:A energy:float:Wh pack_current:float:A panel_voltage:float:V
			pulse_count:integer: state_of_charge_percent:integer:% state_of_charge_wh:float:Wh temperature:float:°C usb_current:float:A
			voltage:float:V voltage_cell_1:float:V voltage_cell_2:float:V voltage_cell_3:float:V voltage_cell_4:float:V`
		analysed = `discharge_ah:float:Ah discharge_end:integer: discharge_imax:float:A discharge_vmax:float:V discharge_vmin:float:V
			discharge_wh:float:Wh energy_in:float:Wh energy_out:float:Wh gap_end:float: lvd:float: state_of_charge:float:%`
	)
	for measurement, table := range map[string]string{Telemetry: measured, Analysis: analysed} {
		rows := strings.Fields(table)
		if n := len(Schema(measurement)); n != len(rows) {
			t.Errorf("%s has %d fields, and the table %d", measurement, n, len(rows))
		}
		for _, row := range rows {
			part := strings.Split(row, ":")
			f, known := Expected(measurement, part[0])
			if !known || string(f.Kind) != part[1] || f.Unit != part[2] || f.Title == "" {
				t.Errorf("%s.%s is %+v, want %s in %q", measurement, part[0], f, part[1], part[2])
			}
		}
	}
	if _, known := Expected(Telemetry, "product_imei"); known {
		t.Error("product_imei is a tag, and no field")
	}
}
