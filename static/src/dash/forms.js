// The choices above a dashboard: device, range, from and to. All of them work without this script; it saves clicks and
// lets people write times in their own zone.

export function startForms(page) {
  devices(page.querySelector("[data-devpick]"));
  for (const one of page.querySelectorAll("[data-rangeform] select")) one.addEventListener("change", () => { if (one.value) one.form.submit(); });
  const picks = [...page.querySelectorAll("[data-devpick],[data-spanpick]")];
  addEventListener("click", (e) => { for (const one of picks) if (!one.contains(e.target)) one.open = false; });
  addEventListener("keydown", (e) => {
    const open = e.key === "Escape" && picks.find((one) => one.open);
    if (!open) return;
    open.open = false;
    open.querySelector("summary").focus();
  });
  span(page.querySelector("[data-spanform]"));
}

function devices(pick) {
  if (!pick) return;
  const field = pick.querySelector("input"), list = pick.querySelector("[data-devices]");
  let timer = 0, asked = 0;
  const look = async () => {
    const mine = ++asked;
    const q = new URLSearchParams(pick.dataset.span);
    q.set("q", field.value.trim());
    q.set("current", pick.dataset.current);
    const answer = await fetch(`/dashboard/devices?${q}`, { headers: { "X-Requested-With": "fetch" } }).catch(() => null);
    if (answer?.ok && mine === asked) list.innerHTML = await answer.text(); // made and escaped by the server's templates
  };
  pick.addEventListener("toggle", () => { if (pick.open) field.focus(); });
  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, 150); });
  pick.addEventListener("keydown", (e) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (!step || !pick.open) return;
    e.preventDefault();
    const stops = [field, ...list.querySelectorAll("a")];
    stops[Math.max(0, Math.min(stops.length - 1, stops.indexOf(document.activeElement) + step))].focus();
  });
  field.form.addEventListener("submit", (e) => {
    const first = list.querySelector("a"), exact = [...list.querySelectorAll("a")].find((a) => a.textContent.trim() === field.value.trim());
    if (!field.value.trim()) return e.preventDefault();
    if (exact ?? first) {
      e.preventDefault();
      location.assign((exact ?? first).href);
    }
  });
}

// span shows the fields in the viewer's zone and sends UTC.
function span(form) {
  if (!form) return;
  const fields = ["from", "to"].map((name) => form.elements.namedItem(name));
  const pad = (n) => String(n).padStart(2, "0");
  for (const field of fields) {
    const t = new Date(`${field.value}Z`);
    if (Number.isNaN(t.getTime())) continue;
    field.value = `${t.getFullYear()}-${pad(t.getMonth() + 1)}-${pad(t.getDate())}T${pad(t.getHours())}:${pad(t.getMinutes())}`;
  }
  form.querySelector("[data-zone]").textContent = `Times are of your zone, ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`;
  form.addEventListener("submit", (e) => {
    const times = fields.map((field) => new Date(field.value));
    if (times.some((t) => Number.isNaN(t.getTime()))) return; // the server says what is wrong
    e.preventDefault();
    const q = new URLSearchParams(new FormData(form));
    ["from", "to"].forEach((name, i) => q.set(name, times[i].toISOString()));
    location.assign(`${form.action.split("?")[0]}?${q}`);
  });
}
