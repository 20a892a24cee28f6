// The cursor over the plots: a line in each of them, the values at its time in the left columns, the time in the header.
// Dragging it marks a span to zoom into; with Ctrl the wheel zooms. No tooltip covers what one looks at.
import { words } from "./tokens.js";

const dragFrom = 6; // px

// view has charts ({el, grid, data}), span, every, strips() and zoom(from, to).
export function readCursor(region, view) {
  let at = null; // the time under the cursor
  let drag = null;

  const inner = (c) => ({ left: c.grid.left, width: c.el.clientWidth - c.grid.left - c.grid.right });
  const timeAt = (c, clientX) => {
    const { left, width } = inner(c), x = clientX - c.el.getBoundingClientRect().left - left;
    return view.span[0] + Math.min(1, Math.max(0, x / width)) * (view.span[1] - view.span[0]);
  };
  const pixelAt = (c, t) => {
    const { left, width } = inner(c);
    return left + Math.min(1, Math.max(0, (t - view.span[0]) / (view.span[1] - view.span[0]))) * width;
  };
  const points = (c) => c.data.option.series.at(-1).data;

  // mark gives the element over a plot that shows the cursor or the marked span.
  const mark = (c, name) => {
    let el = c.el.querySelector(`:scope > .${name}`);
    if (!el) {
      el = document.createElement("i");
      el.className = name;
      c.el.append(el);
    }
    return el;
  };

  const nearest = (data, t) => {
    let low = 0, high = data.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (data[middle][0] < t) low = middle + 1; else high = middle;
    }
    return low > 0 && t - data[low - 1][0] <= data[low]?.[0] - t ? low - 1 : low;
  };

  function clock(t) {
    const width = view.span[1] - view.span[0], day = 86_400_000;
    return new Intl.DateTimeFormat("en-GB", {
      ...(width > day * 1.01 && { day: "numeric", month: "short" }), hour: "2-digit", minute: "2-digit",
      ...(width < day / 48 && { second: "2-digit" }), hourCycle: "h23",
    }).format(t);
  }

  function show(t) {
    const charts = view.charts;
    if (!charts.length || !view.span) return;
    // The plots can have different times: the cursor stands at the nearest of all.
    let best = null;
    for (const c of charts) {
      const data = points(c);
      const i = nearest(data, t);
      if (data.length && (best === null || Math.abs(data[i][0] - t) < Math.abs(best - t))) best = data[i][0];
    }
    if (best === null) return;
    const step = view.every || (view.span[1] - view.span[0]) / 100;
    at = Math.abs(best - t) > 3 * step ? t : best;
    for (const c of charts) {
      const data = points(c), i = nearest(data, at);
      const near = data.length && Math.abs(data[i][0] - at) <= 1.5 * step;
      const read = c.el.closest("[data-strip]").querySelector("[data-read]");
      read.dataset.idle ??= read.textContent;
      read.textContent = words(near ? data[i][1] : null, c.data.decimals);
      const line = mark(c, "cur");
      line.hidden = false;
      line.style.left = `${pixelAt(c, at)}px`;
      line.style.top = `${c.grid.top}px`;
      line.style.bottom = `${c.grid.bottom}px`;
    }
    const header = region.querySelector("[data-cursor]");
    header.hidden = false;
    header.textContent = `At ${clock(at)}`;
    region.querySelector("[data-part=note]").hidden = true;
  }

  function reset() {
    at = null;
    for (const el of region.querySelectorAll(".cur")) el.hidden = true;
    for (const el of region.querySelectorAll("[data-read][data-idle]")) {
      el.textContent = el.dataset.idle;
      delete el.dataset.idle;
    }
    const header = region.querySelector("[data-cursor]");
    if (header) header.hidden = true;
    const note = region.querySelector("[data-part=note]");
    if (note) note.hidden = false;
  }

  const under = (e) => {
    const strip = e.target.closest?.("[data-strip]");
    const c = strip && view.charts.find((one) => strip.contains(one.el));
    return c && view.span ? c : null;
  };

  region.addEventListener("pointermove", (e) => {
    const c = drag?.chart ?? under(e);
    if (!c) return at !== null ? reset() : undefined;
    const t = timeAt(c, e.clientX);
    if (drag && (drag.on ||= Math.abs(e.clientX - drag.x) > dragFrom)) {
      for (const one of view.charts) {
        const box = mark(one, "sel"), [a, b] = [pixelAt(one, drag.t), pixelAt(one, t)];
        box.hidden = false;
        box.style.left = `${Math.min(a, b)}px`;
        box.style.width = `${Math.abs(b - a)}px`;
        box.style.top = `${one.grid.top}px`;
        box.style.bottom = `${one.grid.bottom}px`;
      }
    }
    show(t);
  });
  region.addEventListener("pointerleave", () => { if (!drag) reset(); });
  region.addEventListener("pointerdown", (e) => {
    const c = under(e);
    if (!c || e.button !== 0 || !c.el.contains(e.target)) return;
    drag = { chart: c, x: e.clientX, t: timeAt(c, e.clientX), on: false };
    c.el.setPointerCapture?.(e.pointerId);
  });
  const drop = (e) => {
    if (!drag) return;
    const { chart, t, on } = drag;
    drag = null;
    for (const el of region.querySelectorAll(".sel")) el.hidden = true;
    if (on && e.type === "pointerup") view.zoom(t, timeAt(chart, e.clientX));
  };
  region.addEventListener("pointerup", drop);
  region.addEventListener("pointercancel", drop);

  region.addEventListener("wheel", (e) => {
    const c = e.ctrlKey && under(e);
    if (!c) return;
    e.preventDefault();
    const t = timeAt(c, e.clientX), factor = Math.exp(Math.max(-60, Math.min(60, e.deltaY)) / 150);
    view.zoom(t - (t - view.span[0]) * factor, t + (view.span[1] - t) * factor);
  }, { passive: false });

  region.addEventListener("keydown", (e) => {
    if (!e.target.matches("[data-strips]") || !view.charts.length) return;
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (e.key === "Escape") return reset();
    if (!direction) return;
    e.preventDefault();
    const data = points(view.charts[0]).filter((p) => p[0] >= view.span[0] && p[0] <= view.span[1]);
    if (!data.length) return;
    const i = at === null ? (direction > 0 ? -1 : data.length) : nearest(data, at);
    show(data[Math.min(data.length - 1, Math.max(0, i + direction * (e.shiftKey ? 10 : 1)))][0]);
  });
  region.addEventListener("focusout", (e) => { if (e.target.matches("[data-strips]")) reset(); });

  return { reset };
}
