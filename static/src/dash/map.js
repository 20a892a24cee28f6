// The map of the track: value axes with the latitude's aspect, on a ground of our own. No tiles are loaded.
import { isPhone, paint } from "./tokens.js";

/* global echarts */

const metresPerDegree = 111_195;

// fit widens the view to the shape of the element.
function fit(view, width, height) {
  const aspect = Math.max(Math.cos(view.lat * Math.PI / 180), 0.01);
  const perPixel = Math.max(view.latSpan / height, view.lonSpan * aspect / width); // degrees of latitude
  const lat = perPixel * height, lon = perPixel * width / aspect;
  return { perPixel, x: [view.lon - lon / 2, view.lon + lon / 2], y: [view.lat - lat / 2, view.lat + lat / 2] };
}

// drawMap draws into el and gives the chart.
export function drawMap(chart, el, { option, view }) {
  const width = el.clientWidth, height = el.clientHeight;
  if (!width || !height) return chart;
  if (!chart || chart.isDisposed()) chart = echarts.init(el, null, { renderer: "canvas" });
  else chart.resize();
  const out = paint(option, width), seen = fit(view, width, height);
  [out.xAxis.min, out.xAxis.max] = seen.x;
  [out.yAxis.min, out.yAxis.max] = seen.y;
  const x = (lon) => (lon - seen.x[0]) / (seen.x[1] - seen.x[0]) * width, y = (lat) => (seen.y[1] - lat) / (seen.y[1] - seen.y[0]) * height;
  const park = paint({ fill: "--map-park" }).fill;
  if (view.parks) {
    out.graphic = view.parks.map((points) => ({ type: "polygon", silent: true, z: -10, shape: { points: points.map((p) => [x(p[0]), y(p[1])]), smooth: 0.2 }, style: { fill: park } }));
    out.series[0].lineStyle.width = Math.max(6, Math.min(40, 180 / (seen.perPixel * metresPerDegree))); // a river of 180 m
  }
  // Words stay within the map.
  for (const s of out.series) {
    const at = s.label && s.data[0];
    if (at) s.label.position = x(at[0]) > width - (isPhone() ? 150 : 190) ? "left" : "right";
  }
  chart.setOption(out, true);
  scaleBar(el.parentElement, seen.perPixel * metresPerDegree);
  return chart;
}

function scaleBar(box, metresPerPixel) {
  const bar = box.querySelector("[data-scale]");
  const power = 10 ** Math.floor(Math.log10(metresPerPixel * 110));
  const length = [5, 2, 1].map((n) => n * power).find((m) => m / metresPerPixel <= 110);
  bar.hidden = !length;
  if (!length) return;
  bar.firstElementChild.textContent = length >= 1000 ? `${length / 1000} km` : `${length} m`;
  bar.lastElementChild.style.width = `${Math.round(length / metresPerPixel)}px`;
}
