// Mathematics to HTML and MathML, styles to those that the pages use: JSON in, JSON out.
// Started by render.py in the folder whose node_modules holds KaTeX and PurgeCSS.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const require = createRequire(join(process.cwd(), "package.json"));
const katex = require("katex");
const { PurgeCSS } = require("purgecss");

const asked = JSON.parse(readFileSync(0, "utf8"));

const faults = [];
const formulas = asked.formulas.map(({ tex, display }) => {
  try {
    const options = { displayMode: display, fleqn: true, throwOnError: true, strict: "error" };
    return katex.renderToString(tex, options);
  } catch (error) {
    faults.push(`${tex}\n    ${error.message}`);
    return "";
  }
});

const purged = asked.css.length
  ? await new PurgeCSS().purge({
      content: asked.pages.map((raw) => ({ raw, extension: "html" })),
      css: asked.css.map((raw) => ({ raw })),
      safelist: { standard: asked.kept.map((pattern) => new RegExp(pattern)) },
      dynamicAttributes: asked.attributes,
      keyframes: true,
    })
  : [];

process.stdout.write(JSON.stringify({ formulas, faults, css: purged.map((sheet) => sheet.css) }));
