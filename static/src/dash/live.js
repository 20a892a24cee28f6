// Live: while the page is seen, the newest values each 5 seconds and, when the span ends now, the plots about once a
// window. After a failure the pauses grow; the last values stay, with their age.

import { signedOut } from "../app/session.js";

const valuesEach = 5000;
const slowest = 60_000;

export function startLive(page, plots, gauges) {
  const mark = page.querySelector("[data-livewords]");
  const says = document.getElementById("dash-says");
  let state = null;

  function took(newest) {
    if (!gauges.update(newest)) replaceGauges();
    for (const part of page.querySelectorAll("[data-part=state]")) {
      if (part.dataset.html !== newest.state) { part.innerHTML = newest.state; part.dataset.html = newest.state; }
    }
    if (state !== null && state !== newest.stateWord) says.textContent = `${page.dataset.dashboard} is ${newest.stateWord} now.`;
    state = newest.stateWord;
  }

  // replaceGauges draws the page's dials again: the device has a field that it had not before.
  async function replaceGauges() {
    const answer = await fetch(location.href, { headers: { Accept: "text/html", "X-Requested-With": "fetch" } });
    if (!answer.ok) return;
    gauges.replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
  }
  page.addEventListener("fields", () => replaceGauges().catch(() => {}));

  const values = repeat(valuesEach, async () => {
    const answer = await fetch(page.dataset.last, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(20_000) });
    if (signedOut(answer)) return;
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    took(await answer.json());
  }, (well) => {
    if (mark) mark.textContent = well ? "Live" : "Not answering";
    mark?.parentElement.classList.toggle("bad", !well);
  });

  const data = page.dataset.live === "true" && repeat(Number(page.dataset.refresh), () => (plots.loaded() && !plots.zoomed() ? plots.load(true) : undefined));

  const follow = () => {
    for (const one of [values, data]) if (one) document.hidden ? one.stop() : one.start();
  };
  document.addEventListener("visibilitychange", follow);
  follow();
}

// repeat calls act again and again, with growing pauses while it fails. It starts with a pause, unless it was stopped
// for longer than one.
function repeat(pause, act, told = () => {}) {
  let timer = 0, failures = 0, last = Date.now(), running = false;
  const next = () => {
    if (!running) return;
    const wait = failures ? Math.min(pause * 2 ** failures, Math.max(slowest, pause)) : pause;
    timer = setTimeout(run, Math.max(0, last + wait - Date.now()));
  };
  const run = async () => {
    try {
      await act();
      failures = 0;
    } catch {
      failures++;
    }
    told(failures === 0);
    last = Date.now();
    next();
  };
  return {
    start() { if (!running) { running = true; next(); } },
    stop() { running = false; clearTimeout(timer); },
  };
}
