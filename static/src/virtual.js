// The virtual device's page: the progress of a run comes as server-sent events, the live card is read again while its
// switch is on. Nothing is asked while nobody looks.

import { signedOut } from "./app/session.js";

const liveEach = 10_000;
let events = null;
let timer = 0;
let pause = liveEach;

function follow() {
  const card = document.querySelector("[data-running]");
  if (!card || document.hidden) {
    events?.close();
    events = null;
    return;
  }
  if (events) return;
  events = new EventSource(card.dataset.running);
  const put = (name, text) => { const el = card.querySelector(`[data-${name}]`); if (el) el.textContent = text; };
  events.addEventListener("progress", (e) => {
    const p = JSON.parse(e.data), bar = card.querySelector("progress");
    put("count", p.count);
    put("of", p.of);
    put("left", p.left);
    if (p.total > 0) { bar.max = p.total; bar.value = p.written; }
  });
  events.addEventListener("end", (e) => {
    events.close();
    location.replace(`/virtual?run=${JSON.parse(e.data).run}`);
  });
}

// again reads the page and puts its live card in the place of ours.
async function again() {
  const ours = document.getElementById("live-card");
  try {
    const answer = await fetch("/virtual", { signal: AbortSignal.timeout(20_000), headers: { "X-Requested-With": "fetch" } });
    if (signedOut(answer)) return;
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const theirs = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live-card");
    pause = liveEach;
    if (!theirs || ours.contains(document.activeElement)) { // never take the focus away: change the words only
      const [old, fresh] = [ours.querySelector("[data-signals]"), theirs?.querySelector("[data-signals]")];
      if (old && fresh) old.replaceWith(fresh);
    } else {
      ours.replaceWith(theirs);
    }
  } catch {
    pause = Math.min(pause * 2, 120_000);
  }
  wait();
}

function wait() {
  clearTimeout(timer);
  if (!document.hidden && document.querySelector("#live-card[data-on=true]")) timer = setTimeout(again, pause);
}

document.addEventListener("visibilitychange", () => { follow(); wait(); });
addEventListener("pagehide", () => events?.close());
follow();
wait();
