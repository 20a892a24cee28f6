// Colours: an option of the server names tokens of the theme, "--s1" or "--s1/22/30" (22 % of it, 30 % in the dark).

const root = document.documentElement;
const pattern = /^--([\w-]+?)(?:\/(\d+))?(?:\/(\d+))?$/;
const verbatim = new Set(["data", "name", "formatter", "text"]); // words and numbers of the device, never colours

export const isPhone = () => innerWidth < 640;
export const isPresent = () => "present" in root.dataset;

// paint gives a copy of an option with colours for its tokens. width is the element's, for gradients across it.
export function paint(option, width = 0) {
  const style = getComputedStyle(root);
  const dark = style.getPropertyValue("--is-dark").trim() === "1";
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  const color = (text) => {
    const m = pattern.exec(text);
    if (!m) return text;
    const value = read(m[1]);
    return m[2] === undefined ? value : faded(value, (dark && m[3] !== undefined ? m[3] : m[2]) / 100);
  };
  const walk = (v, key) => {
    if (typeof v === "string") return color(v);
    if (Array.isArray(v)) return key === "data" && Array.isArray(v[0]) && typeof v[0][0] === "number" ? v : v.map((one) => walk(one));
    if (v === null || typeof v !== "object") return v;
    if (v.gradient) {
      const colors = v.gradient.map(color), r = width * 0.44;
      return { type: "linear", global: true, x: width / 2 - r, y: 0, x2: width / 2 + r, y2: 0,
        colorStops: colors.map((c, i) => ({ offset: i / (colors.length - 1), color: c })) };
    }
    const out = {};
    for (const [k, one] of Object.entries(v)) out[k] = verbatim.has(k) && typeof one === "string" ? one : walk(one, k);
    return out;
  };
  const out = walk(option);
  out.textStyle = { fontFamily: getComputedStyle(document.body).fontFamily };
  return out;
}

function faded(hex, alpha) {
  const h = hex.slice(1), wide = h.length < 6 ? [...h].map((c) => c + c).join("") : h;
  const n = parseInt(wide, 16);
  return Number.isNaN(n) ? hex : `rgba(${n >> 16 & 255},${n >> 8 & 255},${n & 255},${alpha})`;
}

// onLookChange calls back when theme, size or mode have changed, not more than once a frame.
export function onLookChange(redraw) {
  let waiting = 0;
  const soon = () => { waiting ||= requestAnimationFrame(() => { waiting = 0; redraw(); }); };
  new MutationObserver(soon).observe(root, { attributes: true, attributeFilter: ["data-theme", "data-present"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", soon);
  addEventListener("resize", soon);
  document.fonts?.ready.then(soon);
}

// words writes a value as the server does: so many digits, commas from 10,000 up.
export function words(value, decimals) {
  if (value === null || !Number.isFinite(value)) return "no data";
  const [whole, fraction] = Math.abs(value).toFixed(decimals).split(".");
  const sign = value < 0 && /[1-9]/.test(whole + (fraction ?? "")) ? "−" : "";
  const grouped = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, ",") : whole;
  return sign + grouped + (fraction ? `.${fraction}` : "");
}
