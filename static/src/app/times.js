// Times in the viewer's zone. The server writes them in UTC, in the same styles (views/times.go).
const zone = undefined; // the browser's
const locale = "en-GB"; // the pages are English
const format = (options) => new Intl.DateTimeFormat(locale, { timeZone: zone, ...options });
const clock = format({ hour: "2-digit", minute: "2-digit" });
const seconds = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = format({ day: "numeric", month: "short" });
const date = format({ day: "numeric", month: "short", year: "numeric" });
const long = format({ weekday: "long", day: "numeric", month: "long", year: "numeric" });

// The server's clock judges ages, not the viewer's.
const ahead = Number(document.body?.dataset.now || Date.now()) - Date.now();
export const now = () => Date.now() + ahead;

const minute = 60e3, hour = 60 * minute, whole = 24 * hour;

// short fixes the months that British English shortens to four letters.
const short = (text) => text.replace("Sept", "Sep");

function age(at) {
  const old = now() - at;
  if (old < minute) return "just now";
  if (old < hour) return `${Math.floor(old / minute)} min ago`;
  if (old < whole) return `${Math.floor(old / hour)} h ago`;
  if (old < 2 * whole) return "yesterday";
  if (old < 7 * whole) return `${Math.floor(old / whole)} days ago`;
  return short(date.format(at));
}

export function timeText(at, style) {
  switch (style) {
    case "clock": return clock.format(at);
    case "date": return short(date.format(at));
    case "day": return short(day.format(at));
    case "stamp": return short(`${day.format(at)}, ${clock.format(at)}`);
    case "entry": return date.format(at) === date.format(now()) ? seconds.format(at) : short(`${day.format(at)}, ${clock.format(at)}`);
    case "age": return age(at);
    case "long": return `${long.format(at).replace(/^(\w+) /, "$1, ")}, ${clock.format(at)}`;
    case "now": return timeText(now(), "long");
    default: return short(`${date.format(at)}, ${clock.format(at)}`);
  }
}

function write(element) {
  const at = Date.parse(element.dateTime);
  if (Number.isNaN(at)) return;
  const text = timeText(at, element.dataset.time);
  if (element.textContent !== text) element.textContent = text;
}

export function times() {
  const all = (root) => root.querySelectorAll("time[data-time]").forEach(write);
  all(document);
  // Parts of the page that change bring times of their own.
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) {
        if (node.nodeType !== Node.ELEMENT_NODE) continue;
        if (node.matches("time[data-time]")) write(node);
        all(node);
      }
    }
  }).observe(document.body, { childList: true, subtree: true });
  const again = () => document.querySelectorAll("time[data-time=age],time[data-time=now]").forEach(write);
  setInterval(() => { if (!document.hidden) again(); }, 15e3);
  document.addEventListener("visibilitychange", again);
}
