// The dashboard: dials, plots, map, live values. The page comes whole from the server; this script asks for the data once
// (and again while they change), draws what the server's options say, and puts the theme's colours into them.
import { startForms } from "./dash/forms.js";
import { startGauges } from "./dash/gauges.js";
import { startLive } from "./dash/live.js";
import { startPlots } from "./dash/plots.js";
import { startPresent } from "./dash/present.js";
import { onLookChange } from "./dash/tokens.js";

const page = document.querySelector("[data-dashboard]");
if (page) {
  document.documentElement.classList.add("has-script");
  startForms(page);
  const region = document.getElementById("dash-data");
  if (region) {
    const gauges = startGauges();
    const plots = startPlots(page, region, gauges);
    startPresent(page, plots);
    onLookChange(() => { gauges.draw(); plots.draw(); });
    plots.load();
    startLive(page, plots, gauges);
  }
}
