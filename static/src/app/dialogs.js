// Links with data-dialog lead to a page with one form. Here that form is shown in a dialog, and sent from there: a
// redirect means that it worked, and leads on; anything else is the page again, with what is wrong.

const dialog = () => document.getElementById("dialog");
let onlyLatest = 0;

async function open(link) {
  const ticket = ++onlyLatest;
  let body;
  try {
    body = await take(await fetch(link.href, { headers: { Accept: "text/html", "X-Requested-With": "fetch" } }));
  } catch { /* the page itself tells more */ }
  if (ticket !== onlyLatest) return;
  if (!body) {
    location.assign(link.href);
    return;
  }
  show(body);
  dialog().showModal();
  focus();
}

// take finds the form's part of a page.
async function take(answer) {
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.querySelector("[data-dialog-body]");
}

function show(body) {
  const title = document.createElement("h2");
  title.id = "dialog-title";
  title.textContent = body.dataset.dialogTitle;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "ibtn";
  close.setAttribute("aria-label", "Close");
  close.dataset.cancel = "";
  close.append(cross());
  const header = document.createElement("header");
  header.append(title, close);
  dialog().replaceChildren(header, document.adoptNode(body));
}

function cross() {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  for (const [name, value] of Object.entries({ class: "i", viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-linecap": "round", "aria-hidden": "true" })) svg.setAttribute(name, value);
  const path = document.createElementNS(ns, "path");
  path.setAttribute("d", "M18 6 6 18M6 6l12 12");
  svg.append(path);
  return svg;
}

// focus goes to the field to blame, else to the first one.
function focus() {
  const d = dialog();
  const field = d.querySelector("[aria-invalid=true]") || d.querySelector("[autofocus],input:not([type=hidden]):not([disabled]),select,button[type=submit]");
  field?.focus();
  if (field?.select && field.type !== "radio") field.select();
}

async function send(form, submitter) {
  const button = submitter || form.querySelector("[type=submit]");
  if (form.dataset.sending) return;
  form.dataset.sending = "yes";
  button?.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.action, {
      method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual", headers: { Accept: "text/html", "X-Requested-With": "fetch" },
    });
    if (answer.type === "opaqueredirect") {
      // The message of the act waits on the page that follows. A list stays where it is.
      const next = form.dataset.next || location.pathname;
      if (next === location.pathname) location.reload(); else location.assign(next);
      return;
    }
    const body = await take(answer);
    if (!body) throw new Error(`status ${answer.status}`);
    show(body);
    focus();
  } catch {
    complain(form);
  }
  delete form.dataset.sending;
  button?.removeAttribute("aria-busy");
}

function complain(form) {
  form.querySelector("[data-complaint]")?.remove();
  const p = document.createElement("p");
  p.className = "err";
  p.dataset.complaint = "";
  p.setAttribute("role", "alert");
  p.textContent = "That did not work. Please try again in a moment.";
  (form.querySelector(".b") || form).append(p);
}

export function dialogs() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-dialog]");
    if (link && event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      open(link);
      return;
    }
    const d = dialog();
    if (event.target.closest("[data-cancel]") && d.contains(event.target)) {
      event.preventDefault();
      d.close();
    } else if (event.target === d) {
      d.close(); // the scrim
    }
  });
  dialog().addEventListener("submit", (event) => {
    event.preventDefault();
    send(event.target, event.submitter);
  });
  // The event comes a little after the act: by then another form may stand in the dialog.
  dialog().addEventListener("close", () => { if (!dialog().open) dialog().replaceChildren(); });
}
