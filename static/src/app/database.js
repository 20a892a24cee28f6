// While the banner says that the database does not answer, ask whether it does again, and show the page anew then:
// unless something was typed into it, which must not be lost.
const pause = 4e3;

export function database() {
  const banner = document.querySelector("[data-banner]");
  if (!banner) return;
  let typed = false;
  document.addEventListener("input", () => { typed = true; });
  const ask = async () => {
    if (!document.hidden) {
      try {
        if ((await fetch("/readyz", { cache: "no-store" })).ok) {
          if (!typed) {
            location.reload();
            return;
          }
          banner.querySelector("p").textContent = "The database answers again. Reload the page to go on.";
          banner.querySelector("form")?.remove();
          return;
        }
      } catch { /* the app itself is away; ask again */ }
    }
    setTimeout(ask, pause);
  };
  setTimeout(ask, pause);
}
