package handlers

import "testing"

func TestNoCellOfAnExportIsAFormula(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "dev1": "dev1", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1",
		"＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠SUM(A1)": "'＠SUM(A1)", "\xff=1": "\xff=1",
	} {
		if got := safeCell(text); got != want {
			t.Errorf("%q is written as %q, want %q", text, got, want)
		}
	}
}
