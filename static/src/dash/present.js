// Present: the dashboard for a wall. Two plots at a time, page after page; Escape or the button leaves.
const pageEach = 15_000;
const perPage = 2;
const gaugesPerPage = 5;

export function startPresent(page, plots) {
  const root = document.documentElement;
  let timer = 0, tick = 0, at = 0, quiet = 0;

  const turn = () => {
    for (const [selector, size] of [[".strip", perPage], [".gauge", gaugesPerPage]]) {
      const all = [...page.querySelectorAll(selector)], pages = Math.max(1, Math.ceil(all.length / size));
      // The last page is full as well: it shows the last ones.
      const first = Math.max(0, Math.min((at % pages) * size, all.length - size));
      all.forEach((el, i) => el.toggleAttribute("data-shown", i >= first && i < first + size));
    }
    plots.draw();
    dispatchEvent(new Event("resize"));
  };
  const clock = () => {
    for (const el of page.querySelectorAll("[data-clock]")) {
      el.textContent = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" }).format(Date.now());
    }
  };
  const enter = () => {
    root.dataset.present = "";
    at = 0;
    turn();
    clock();
    timer = setInterval(() => { at++; turn(); }, pageEach);
    tick = setInterval(clock, 1000);
    stir();
    page.querySelector("[data-present-off]").focus({ preventScroll: true });
  };
  const leave = () => {
    if (!("present" in root.dataset)) return;
    delete root.dataset.present;
    delete root.dataset.stirred;
    clearInterval(timer);
    clearInterval(tick);
    plots.draw();
    page.querySelector("[data-present-on]")?.focus();
  };
  // stir shows the button for a while when the pointer moves.
  const stir = () => {
    if (!("present" in root.dataset)) return;
    root.dataset.stirred = "";
    clearTimeout(quiet);
    quiet = setTimeout(() => delete root.dataset.stirred, 3000);
  };

  page.querySelector("[data-present-on]")?.addEventListener("click", enter);
  page.querySelector("[data-present-off]")?.addEventListener("click", leave);
  page.addEventListener("shape", () => { if ("present" in root.dataset) turn(); });
  addEventListener("keydown", (e) => {
    if (!("present" in root.dataset)) return;
    if (e.key === "Escape") leave();
    if (e.key === "ArrowRight" || e.key === "ArrowLeft") { at = Math.max(0, at + (e.key === "ArrowRight" ? 1 : -1)); turn(); }
  });
  addEventListener("pointermove", stir);
}
