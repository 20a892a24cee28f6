// What runs out is counted down, and two new passwords are compared before they are sent.
import { now } from "./times.js";

// leftText writes a time as the server does (views/window.go).
export function leftText(milliseconds) {
  const left = Math.max(0, Math.ceil(milliseconds / 1e3));
  return left < 60 ? `${left} s` : `${Math.floor(left / 60)} min ${left % 60} s`;
}

function countdown() {
  const all = () => document.querySelectorAll("time[data-countdown]");
  if (!all().length) return;
  const again = () => {
    let open = false;
    for (const element of all()) {
      const left = Date.parse(element.dateTime) - now();
      element.textContent = leftText(left);
      open ||= left > 0;
    }
    if (open) return;
    clearInterval(timer);
    document.querySelector("[data-window]")?.remove();
  };
  const timer = setInterval(again, 1e3);
  document.addEventListener("visibilitychange", again);
  again();
}

function repeated() {
  for (const form of document.querySelectorAll("form[data-repeat]")) {
    const fresh = form.elements.new, repeat = form.elements.repeat;
    const compare = () => {
      let hint = form.querySelector("[data-differs]");
      const differs = repeat.value !== "" && fresh.value !== repeat.value;
      if (differs && !hint) {
        hint = document.createElement("p");
        hint.className = "hint";
        hint.dataset.differs = "";
        hint.setAttribute("role", "status");
        hint.textContent = "The two are not the same yet.";
        repeat.closest(".field").append(hint);
      } else if (!differs) {
        hint?.remove();
      }
    };
    repeat.addEventListener("change", compare);
    for (const field of [fresh, repeat]) field.addEventListener("input", () => { if (form.querySelector("[data-differs]")) compare(); });
  }
}

export function access() {
  countdown();
  repeated();
}
