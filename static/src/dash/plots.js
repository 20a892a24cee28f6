// The strips of plots, which share one span of time, and the map below them.
import { signedOut } from "../app/session.js";
import { readCursor } from "./cursor.js";
import { drawMap } from "./map.js";
import { isPhone, isPresent, paint } from "./tokens.js";

/* global echarts */

const leastSpan = 5000; // ms

export function startPlots(page, region, gauges) {
  const failure = document.getElementById("dash-error");
  let full = null; // the answer for the page's span
  let shown = null; // the answer that is drawn: full, or one for a part of it
  let span = null; // what the time axes show
  let charts = [];
  let map = null;
  let asking = null; // the request under way
  let later = 0;

  const strips = () => region.querySelector("[data-strips]");
  const zoomed = () => full !== null && (span[0] !== full.start || span[1] !== full.stop);

  const pixels = () => {
    const plot = region.querySelector("[data-plot]");
    return Math.max(60, Math.round(plot?.clientWidth ? plot.clientWidth - 60 : region.clientWidth - 200));
  };

  async function ask(url) {
    asking?.abort();
    const mine = asking = new AbortController();
    const limit = setTimeout(() => mine.abort("slow"), 60_000);
    try {
      const answer = await fetch(`${url}&points=${pixels()}`, { signal: mine.signal, headers: { Accept: "application/json" } });
      if (signedOut(answer)) return null;
      const body = await answer.json().catch(() => null);
      if (!answer.ok || !body) throw new Error(body?.message ?? "The app answered with something else than data. Please try again in a moment.");
      return body;
    } catch (err) {
      if (mine.signal.aborted && mine.signal.reason !== "slow") return null; // somebody asked for something newer
      throw err instanceof TypeError || err.name === "AbortError" || err === "slow" ? new Error("The app does not answer. Please try again in a moment.") : err;
    } finally {
      clearTimeout(limit);
      if (asking === mine) asking = null;
    }
  }

  // load reads the page's span. Quietly means that a failure leaves the old data where they are; it is thrown on.
  async function load(quietly = false) {
    if (!quietly) region.setAttribute("aria-busy", "true");
    try {
      const answer = await ask(region.dataset.url);
      if (!answer) return;
      if (quietly && full && zoomed()) return;
      full = answer;
      show(answer, [answer.start, answer.stop]);
      if (answer.newest && !gauges.update(answer.newest)) page.dispatchEvent(new Event("fields"));
    } catch (err) {
      if (quietly && full) throw err;
      fail(err);
    } finally {
      region.removeAttribute("aria-busy");
    }
  }

  function fail(err) {
    failure.querySelector("[data-message]").textContent = err.message;
    failure.hidden = false;
    region.hidden = true;
  }

  // show puts an answer into the page: its words into the parts that change, or all of it where the fields are others.
  function show(answer, to) {
    failure.hidden = true;
    region.hidden = false;
    const fresh = document.createElement("template");
    fresh.innerHTML = answer.html; // made and escaped by the server's templates
    if (region.dataset.shape === answer.shape) merge(fresh.content);
    else {
      charts.forEach((c) => c.chart.dispose());
      map?.dispose();
      [charts, map] = [[], null];
      region.replaceChildren(fresh.content);
      region.dataset.shape = answer.shape;
      page.dispatchEvent(new Event("shape"));
    }
    [shown, span] = [answer, to];
    draw();
    cursor.reset();
  }

  function merge(fresh) {
    for (const part of fresh.querySelectorAll("[data-part]")) {
      const old = region.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
      if (!old) continue;
      const html = part.innerHTML;
      if (old.dataset.html === html) continue;
      old.replaceChildren(...part.childNodes);
      old.dataset.html = html;
      delete old.dataset.idle; // the words that the cursor gives back are old now
    }
    for (const name of ["plot", "map"]) {
      for (const plot of fresh.querySelectorAll(`[data-${name}]`)) {
        region.querySelector(`[data-${name}="${CSS.escape(plot.dataset[name])}"]`)?.setAttribute("aria-label", plot.getAttribute("aria-label"));
      }
    }
  }

  // fitted is an option for this screen: on a phone and on a wall each plot has its own time axis.
  function fitted(option, el) {
    const out = paint(option, el.clientWidth);
    const wall = isPresent();
    if (isPhone() || wall) {
      for (const part of ["axisLabel", "axisTick", "axisLine"]) out.xAxis[part].show = true;
      out.grid.bottom = wall ? 40 : 30;
      out.xAxis.splitNumber = wall ? 5 : 4;
    }
    if (wall) {
      out.xAxis.axisLabel.fontSize = out.yAxis.axisLabel.fontSize = 18;
      out.grid.left *= 1.6;
      out.grid.top = 22;
      const mean = out.series.at(-1);
      mean.lineStyle.width = 3.5;
      if (mean.markArea) Object.assign(mean.markArea.label, { show: true, fontSize: 18, lineHeight: 22, distance: 10 });
    }
    [out.xAxis.min, out.xAxis.max] = span;
    return out;
  }

  function draw() {
    if (!shown) return;
    const plots = [...region.querySelectorAll("[data-plot]")];
    charts = plots.map((el, i) => {
      let one = charts.find((c) => c.el === el);
      if (!el.clientWidth) return one; // not on this page of a presentation
      if (!one) one = { el, chart: echarts.init(el, null, { renderer: "canvas" }) };
      else one.chart.resize();
      one.data = shown.plots[i];
      const option = fitted(one.data.option, el);
      one.grid = option.grid;
      one.chart.setOption(option, true);
      return one;
    }).filter(Boolean);
    const mapElement = region.querySelector("[data-map]");
    map = mapElement && shown.map ? drawMap(map, mapElement, shown.map) : null;
    for (const button of region.querySelectorAll("[data-zoom-out]")) button.disabled = !zoomed();
  }

  // zoom shows a part of the span: at once with the data that are there, and then with finer ones.
  function zoom(from, to) {
    if (!full) return;
    let [a, b] = [Math.max(full.start, Math.min(from, to)), Math.min(full.stop, Math.max(from, to))].map(Math.round);
    if (b - a < leastSpan) {
      a = Math.max(full.start, Math.round((a + b - leastSpan) / 2));
      b = Math.min(full.stop, a + leastSpan);
    }
    if (a <= full.start && b >= full.stop) return reset();
    span = [a, b];
    for (const c of charts) c.chart.setOption({ xAxis: { min: a, max: b } });
    for (const button of region.querySelectorAll("[data-zoom-out]")) button.disabled = false;
    cursor.reset();
    clearTimeout(later);
    if (full.raw) return; // every point is there already
    later = setTimeout(async () => {
      try {
        const iso = (t) => new Date(t).toISOString();
        const [path, query] = region.dataset.url.split("?"), q = new URLSearchParams(query);
        q.delete("range");
        for (const [name, value] of Object.entries({ zoom: 1, from: iso(a), to: iso(b) })) q.set(name, value);
        const answer = await ask(`${path}?${q}`);
        if (answer && span[0] === a && span[1] === b) show(answer, span);
      } catch (err) {
        fail(err);
      }
    }, 200);
  }

  function reset() {
    if (!full) return;
    clearTimeout(later);
    asking?.abort();
    show(full, [full.start, full.stop]);
  }

  const cursor = readCursor(region, {
    get charts() { return charts; },
    get span() { return span; },
    get every() { return shown?.every ?? 0; },
    strips, zoom,
  });

  const around = (factor) => {
    const middle = (span[0] + span[1]) / 2, half = (span[1] - span[0]) / 2 * factor;
    zoom(middle - half, middle + half);
  };
  region.addEventListener("click", (e) => {
    if (e.target.closest("[data-zoom-in]") && span) around(0.5);
    if (e.target.closest("[data-zoom-out]")) reset();
  });
  region.addEventListener("keydown", (e) => {
    if (!span || !e.target.matches("[data-strips]")) return;
    if (e.key === "+") around(0.5);
    else if (e.key === "-") around(2);
    else return;
    e.preventDefault();
  });
  failure.querySelector("[data-retry]").addEventListener("click", () => (full ? reset() : load()));
  page.querySelector("[data-reload]")?.addEventListener("click", (e) => {
    if (e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    load();
  });

  return { load, draw, zoomed: () => full !== null && zoomed(), loaded: () => full !== null };
}
