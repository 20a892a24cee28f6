// The dials. Values and scales are words of the page; the canvas has the arcs only.
import { paint } from "./tokens.js";

/* global echarts */

const designHeight = 112; // the widths in the options are for a dial of this height

export function startGauges() {
  let options = JSON.parse(document.getElementById("gauge-options")?.textContent ?? "{}");
  const charts = new Map();

  const drawOne = (el) => {
    const option = options[el.dataset.dial];
    if (!option || !el.clientWidth) return;
    const scale = el.clientHeight / designHeight;
    const painted = paint(option, el.clientWidth);
    for (const s of painted.series) {
      s.axisLine.lineStyle.width *= scale;
      if (s.pointer?.width) s.pointer.width *= scale;
    }
    let chart = charts.get(el);
    if (!chart) charts.set(el, chart = echarts.init(el, null, { renderer: "canvas" }));
    else chart.resize();
    chart.setOption(painted, true);
  };

  const draw = () => document.querySelectorAll("[data-dial]").forEach(drawOne);

  // update takes the newest values; false if the page has other dials than they need.
  const update = (newest) => {
    const dials = [...document.querySelectorAll("[data-dial]")];
    if (dials.map((d) => d.dataset.dial).join("\n") !== newest.fields.join("\n")) return false;
    newest.gauges.forEach((g, i) => {
      const dial = dials[i], card = dial.closest(".gauge"), value = card.querySelector("[data-v]"), age = card.querySelector("[data-age]");
      if (value.textContent !== g.words) value.textContent = g.words;
      card.classList.toggle("nodata", !g.hasValue);
      if (age.dataset.html !== g.age) { age.innerHTML = g.age; age.dataset.html = g.age; }
      dial.setAttribute("aria-label", g.sentence);
      const text = JSON.stringify(g.option);
      if (dial.dataset.drawn !== text) {
        options[g.field] = g.option;
        dial.dataset.drawn = text;
        drawOne(dial);
      }
    });
    return true;
  };

  // replace puts the dials of a fresh page in the place of ours.
  const replace = (fresh) => {
    const ours = document.getElementById("gauges"), theirs = fresh.getElementById("gauges");
    if (!ours || !theirs) return;
    for (const chart of charts.values()) chart.dispose();
    charts.clear();
    options = JSON.parse(fresh.getElementById("gauge-options").textContent);
    ours.replaceWith(document.adoptNode(theirs));
    draw();
  };

  draw();
  return { draw, update, replace };
}
