// Builds static/dist: what the pages load, under names with a hash of the content, each with a brotli and a gzip copy.
// Everything comes from static/src and from the packages that package-lock.json pins.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";
import subsetFont from "subset-font";

const here = dirname(fileURLToPath(import.meta.url));
const src = (name) => join(here, "src", name);
const dist = join(here, "dist");
const files = join(dist, "files");
const packages = join(here, "..", "node_modules");
const targets = ["chrome120", "firefox121", "safari17"];

const types = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
  woff2: "font/woff2",
};

const manifest = {};

// add puts one file into dist/files and into the manifest, and gives its new name.
async function add(name, content) {
  const bytes = Buffer.from(content);
  const dot = name.lastIndexOf(".");
  const ending = name.slice(dot + 1);
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 10);
  const hashed = `${name.slice(0, dot)}.${hash}.${ending}`;
  await writeFile(join(files, hashed), bytes);
  if (ending !== "woff2") { // fonts are brotli inside
    await writeFile(join(files, `${hashed}.gz`), gzipSync(bytes, { level: 9 }));
    await writeFile(join(files, `${hashed}.br`), brotliCompressSync(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length, [constants.BROTLI_PARAM_LGWIN]: 22 },
    }));
  }
  manifest[name] = { name: hashed, type: types[ending] };
  return hashed;
}

// The letters that the fonts hold; all others come from the system's font.
const letters = (() => {
  let s = "";
  for (let c = 0x20; c < 0x7f; c++) s += String.fromCharCode(c);
  for (let c = 0xa0; c < 0x17f; c++) s += String.fromCharCode(c); // Latin-1 and Latin Extended-A
  return s + "–—‘’“”„•…‹›€−×→←↑↓≤≥·";
})();

const fonts = {
  "geist.woff2": { file: "@fontsource-variable/geist/files/geist-latin-wght-normal.woff2", options: { variationAxes: { wght: { min: 400, max: 650 } } } },
  "geist-mono.woff2": { file: "@fontsource/geist-mono/files/geist-mono-latin-400-normal.woff2", options: {} },
};

// css bundles a sheet; Pico lies in a cascade layer of its own, so that each rule of ours wins over it.
async function css(entry, replace = {}) {
  const out = await build({
    entryPoints: [src(entry)], bundle: true, minify: true, write: false, target: targets, logLevel: "warning",
    external: ["*.woff2"], nodePaths: [packages], legalComments: "inline",
  });
  let text = out.outputFiles[0].text;
  for (const [from, to] of Object.entries(replace)) text = text.replaceAll(from, to);
  return text;
}

// script bundles a script of ours with what it imports.
async function script(entry, options = {}) {
  const out = await build({
    entryPoints: [src(entry)], bundle: true, minify: true, write: false, format: "iife", target: targets, logLevel: "warning",
    nodePaths: [packages], legalComments: "inline", ...options,
  });
  return out.outputFiles[0].text;
}

await rm(dist, { recursive: true, force: true });
await mkdir(files, { recursive: true });

const fontNames = {};
for (const [name, { file, options }] of Object.entries(fonts)) {
  const font = await subsetFont(await readFile(join(packages, file)), letters, { targetFormat: "woff2", ...options });
  fontNames[name] = await add(name, font);
}

await add("app.css", await css("css/app.css", fontNames));
await add("app.js", await script("app.js"));
await add("htmx.js", await readFile(join(packages, "htmx.org/dist/htmx.min.js")));
await add("echarts.js", await script("echarts.js", { globalName: "echarts" }));
await add("favicon.svg", await readFile(src("favicon.svg")));

// The dashboards' own files.
if (existsSync(src("dashboard.css"))) await add("dashboard.css", await css("dashboard.css", fontNames));
for (const name of ["charts.js", "virtual.js"]) {
  if (existsSync(src(name))) await add(name, await script(name));
}

const sorted = Object.fromEntries(Object.entries(manifest).sort(([a], [b]) => (a < b ? -1 : 1)));
await writeFile(join(dist, "built-by-make-assets.json"), JSON.stringify(sorted, null, 2) + "\n");
