// Small conveniences: closing messages, copying, help without a new page, tabs of code, menus that close.

function closing() {
  for (const button of document.querySelectorAll("[data-close-flash]")) button.hidden = false;
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-close-flash]");
    if (!button) return;
    button.closest("[data-flash]").remove();
    document.getElementById("main").focus({ preventScroll: true });
  });
}

function copying() {
  if (!navigator.clipboard) return; // needs https or this machine
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      said = "Not copied";
    }
    const label = button.querySelector(".vh") || button.lastChild;
    button.dataset.word ??= label.textContent;
    label.textContent = said;
    button.title = said;
    setTimeout(() => { label.textContent = button.dataset.word; button.title = button.dataset.word.trim(); }, 2000);
  });
}

function help() {
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-help-form]");
    const panel = document.getElementById("help");
    if (!form || !panel) return;
    event.preventDefault();
    const open = event.submitter.value === "true";
    panel.hidden = !open;
    for (const button of document.querySelectorAll("[data-help-form] [aria-controls]")) {
      button.value = String(!open);
      button.setAttribute("aria-expanded", String(open));
    }
    const body = new URLSearchParams(new FormData(form));
    body.set("open", String(open));
    fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => {}); // not remembered, but shown
    window.dispatchEvent(new Event("resize")); // charts have another width now
    if (!open) [...document.querySelectorAll("[data-help-form] [aria-controls]")].find((b) => b.checkVisibility())?.focus();
  });
}

function theme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const next = () => {
    const chosen = document.documentElement.dataset.theme;
    const dark = chosen ? chosen === "dark" : system.matches;
    for (const button of document.querySelectorAll("[data-theme-button]")) button.value = dark ? "light" : "dark";
  };
  next();
  system.addEventListener("change", next);
}

function tabs() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-tab]");
    const box = link?.closest("[data-tabs]");
    if (!box || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    for (const other of box.querySelectorAll("[data-tab]")) {
      if (other === link) other.setAttribute("aria-current", "true"); else other.removeAttribute("aria-current");
    }
    for (const panel of box.querySelectorAll("[data-panel]")) panel.hidden = panel.dataset.panel !== link.dataset.tab;
    history.replaceState(history.state, "", link.href);
  });
}

function menus() {
  const all = () => document.querySelectorAll("details[data-menu][open],details[data-more][open]");
  document.addEventListener("click", (event) => {
    for (const menu of all()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of all()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}

// searching sends the search a moment after the last letter; the field keeps the focus on the page that follows.
function searching() {
  const field = document.querySelector(".search input[type=search]");
  if (!field) return;
  const mark = "iot-center-searching";
  if (sessionStorage.getItem(mark)) {
    sessionStorage.removeItem(mark);
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  }
  let timer;
  const start = field.value;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (field.value === start) return;
      sessionStorage.setItem(mark, "yes");
      field.form.requestSubmit();
    }, 450);
  });
}

export function small() {
  closing();
  copying();
  help();
  theme();
  tabs();
  menus();
  searching();
}
