// The tensors of one cell to scale: a group for each gate, a rectangle for each kernel.

const escaped = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const gatesOf = (cell) => [...new Set(cell.parameters.map((p) => p.gate))];

// The sentence that stands for the picture.
function spoken(label, cell, sizes) {
  const one = ({ name, shape, spare }) =>
    `${name} ${shape.map((s) => grouped(evaluate(s, sizes))).join(" by ") || "a number"}`
    + (spare ? ", redundant" : "");
  const gates = gatesOf(cell).map((gate) =>
    `${gate}: ${cell.parameters.filter((p) => p.gate === gate).map(one).join("; ")}`);
  return `The tensors of one ${label} to scale, by gate. ${gates.join(". ")}.`;
}

function drawing(label, cell, sizes, { width, height, lane, gap, letter }) {
  const size = (place) => Number(evaluate(place, sizes));
  const gates = gatesOf(cell).map((gate) => {
    const own = cell.parameters.filter((p) => p.gate === gate);
    return { gate, kernels: own.filter((p) => p.shape.length > 1),
      bars: own.filter((p) => p.shape.length < 2) };
  });
  const kernels = gates.flatMap((g) => g.kernels);
  const bars = gates.flatMap((g) => g.bars);
  const fixed = 3 * kernels.length + lane * bars.length + gap * (gates.length - 1);
  const columns = kernels.reduce((sum, p) => sum + size(p.shape[1]), 0);
  const rows = Math.max(1, ...cell.parameters.map((p) => (p.shape.length ? size(p.shape[0]) : 1)));
  const scale = Math.min(height / rows, columns ? (width - fixed) / columns : Infinity);
  const pixel = (number) => Math.round(number * 10) / 10;
  const long = (number) => Math.max(1.5, number * scale);
  const used = fixed + kernels.reduce((sum, p) => sum + long(size(p.shape[1])), 0);
  let x = Math.max(0, (width - used) / 2);
  const bottom = height + 4;
  const parts = [];

  const title = (p, gate) => {
    const shape = p.shape.map((s) => grouped(evaluate(s, sizes))).join(" × ") || "1";
    return `<title>${escaped(p.name)}: ${shape}, in ${escaped(gate)}`
      + `${p.spare ? ", redundant" : ""}</title>`;
  };
  const text = (at, y, words, more = "") =>
    `<text x="${pixel(at)}" y="${pixel(y)}"${more}>${escaped(words)}</text>`;

  gates.forEach(({ gate, kernels: own, bars: lines }, index) => {
    const start = x;
    const inner = [];
    for (const p of own) {
      const [high, wide] = [long(size(p.shape[0])), long(size(p.shape[1]))];
      inner.push(`<g>${title(p, gate)}<rect x="${pixel(x)}" y="${pixel(bottom - high)}" `
        + `width="${pixel(wide)}" height="${pixel(high)}"/>`);
      if (p.name.length * letter + 4 <= wide && high >= 16) {
        const numbers = p.shape.map((s) => evaluate(s, sizes)).join("×");
        const both = numbers.length * letter + 4 <= wide && high >= 34;
        const middle = bottom - high / 2 + 4;
        inner.push(text(x + wide / 2, both ? middle - 7 : middle, p.name));
        if (both) inner.push(text(x + wide / 2, middle + 8, numbers, ' class="gru-numbers"'));
      }
      inner.push("</g>");
      x += wide + 3;
    }
    for (const p of lines) {
      const high = long(p.shape.length ? size(p.shape[0]) : 1);
      const middle = x + lane / 2;
      inner.push(`<g>${title(p, gate)}<line class="${p.spare ? "gru-spare" : "gru-bar"}" `
        + `x1="${pixel(middle)}" x2="${pixel(middle)}" y1="${pixel(bottom - high)}" y2="${bottom}"/>`
        + text(middle + 4, bottom + 5, p.name + (p.spare ? "*" : ""),
          ` class="gru-upright" transform="rotate(-90 ${pixel(middle + 4)} ${bottom + 5})"`)
        + "</g>");
      x += lane;
    }
    parts.push(`<g class="gru-gate gru-gate-${index % 6}">${inner.join("")}`
      + text((start + x - lane * lines.length) / 2, bottom + 15, gate, ' class="gru-name"') + "</g>");
    x += gap;
  });
  const names = Math.max(0, ...bars.map((p) => p.name.length + (p.spare ? 1 : 0)));
  const below = Math.max(20, 8 + names * letter);
  return `<svg role="img" viewBox="0 0 ${width} ${Math.ceil(bottom + below)}" width="${width}" `
    + `height="${Math.ceil(bottom + below)}" aria-label="${escaped(spoken(label, cell, sizes))}">`
    + `${parts.join("")}</svg>`;
}

const WIDE = { width: 860, height: 112, lane: 16, gap: 16, letter: 6.6 };
const NARROW = { width: 340, height: 54, lane: 13, gap: 7, letter: 6 };
