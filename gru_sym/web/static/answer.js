// What the page says of one layer, as HTML: the same at build time, in node, and in the browser.

const START = { key: "pytorch/GRU", biases: true, m: "128", n: "256", p: "", L: "1", both: false };
const EQUATIONS = "equations"; // in the place of a library
const LETTERS = { m: "input size", n: "hidden size", p: "projection", L: "layers" };

const cellOf = (choice) => DATA.cells[choice.cell];
const projects = (choice) => cellOf(choice).sizes.includes("p");
const keys = [...new Set(DATA.choices.map((choice) => choice.key))];
const families = [...new Set(DATA.choices.map((choice) => choice.family))];
const variants = (key) => DATA.choices.filter((choice) => choice.key === key);
const plain = (key) => variants(key).find((c) => cellOf(c).biases && !projects(c)) ?? variants(key)[0];
const variant = (key, biases, projected) => variants(key).find((choice) =>
  cellOf(choice).biases === biases && projects(choice) === projected);

// The settings in numbers, or the fault of each field that has one.
function read(state) {
  const faults = {};
  const sizes = {};
  const optional = variants(state.key).some((c) => !projects(c));
  const projected = variants(state.key).some(projects) && !(optional && state.p.trim() === "");
  for (const name of ["m", "n", "L", ...(projected ? ["p"] : [])]) {
    const { value, fault } = readSize(state[name]);
    if (fault) faults[name] = fault;
    else sizes[name] = value;
  }
  if (sizes.p >= sizes.n) faults.p = "A projection is smaller than the hidden size.";
  const choice = variant(state.key, state.biases, projected)
    ?? variant(state.key, !state.biases, projected) ?? plain(state.key);
  const counts = cellOf(choice).counts[state.both ? 2 : 1];
  if (sizes.L > 1n && counts.count[1] === null) faults.L = "This cell cannot be stacked.";
  return { choice, cell: cellOf(choice), counts, sizes, layers: sizes.L, both: state.both,
    projected, faults };
}

// A choice with the sizes of a setting, or null where it cannot be stacked so.
function countOf(choice, { sizes, layers, both }, what = "count", n = sizes.n) {
  const pair = cellOf(choice).counts[both ? 2 : 1][what];
  return layers > 1n && pair[1] === null ? null : total(pair, { ...sizes, n }, layers);
}

// Whether a library has other layers of this family that store something else: then the layer is named.
const several = (choice) => DATA.choices.some((c) => c.library === choice.library
  && c.family === choice.family && c.layer !== choice.layer && cellOf(c).biases === cellOf(choice).biases
  && (cellOf(c).reset !== cellOf(choice).reset || projects(c) === projects(choice)
    && cellOf(c).counts[1].count[0] !== cellOf(choice).counts[1].count[0]));

const told = (choice) => {
  if (several(choice)) return choice.label;
  const options = Object.entries(choice.options).map(([o, v]) => `${o}=${python(v)}`);
  return choice.library === EQUATIONS ? choice.label : [choice.title, ...options].join(" ");
};
const python = (value) => (value === true ? "True" : value === false ? "False"
  : typeof value === "string" ? `"${value}"` : String(value));

function formula({ counts, sizes, layers }) {
  const [first, later] = counts.count;
  const stacked = layers > 1n;
  const lettered = written(first) + (stacked ? ` + (L − 1) · ${written(later)}` : "");
  const numbers = written(first, sizes) + (stacked ? ` + ${layers - 1n} · ${written(later, sizes)}` : "");
  const short = numbers.length < 140;
  return `<span>${lettered}</span>${short ? ` <span>= ${numbers}</span>` : ""}`;
}

function reasons(redundant) {
  const sum = " occur only as their sum";
  if (redundant.length && redundant.every(({ why }) => why.endsWith(sum))) {
    const sums = redundant.map(({ parameters }) => `<b>${parameters.map(escaped).join(" + ")}</b>`);
    const last = sums.pop();
    return `${sums.length ? `${sums.join(", ")} and ` : ""}${last} `
      + (sums.length ? "enter only as sums" : "enters only as a sum");
  }
  return redundant.map(({ why }) => escaped(why)).join("; ");
}

function effective(now) {
  const { cell, counts, sizes, layers } = now;
  const count = total(counts.count, sizes, layers);
  const spare = total(counts.redundant, sizes, layers);
  const why = ' <a href="#how-many-count">Why</a>';
  const because = cell.redundant.length ? `: ${reasons(cell.redundant)}` : "";
  const where = counts.condition ? `, where ${escaped(counts.condition)}` : "";
  if (layers > 1n || !counts.certified) {
    const known = cell.redundant.length
      ? `At most <b>${grouped(count - spare)}</b> of them count${because}`
      : "None of them is known to be redundant";
    const proof = counts.certified
      ? `. For one layer this is exact${where}, and proved; of a stack it is a bound.`
      : ". This is a bound; that no more are redundant is not proved.";
    return known + (layers > 1n && because ? ", in every layer" : "") + proof + why;
  }
  const exact = evaluate(counts.effective, sizes);
  const proof = `. Proved for all sizes${where}.`;
  return (exact === count ? "<b>All</b> of them count: none is redundant" :
    `<b>${grouped(exact)}</b> of them count (effective), ${grouped(count - exact)} are redundant${because}`)
    + proof + why;
}

// Layers of one family that store the same, one row each: of libraries, or of bare equations.
function rows(now, bare) {
  const { choice, projected } = now;
  const found = new Map();
  for (const other of DATA.choices) {
    if (other.family !== choice.family || (other.library === EQUATIONS) !== bare) continue;
    const count = projects(other) === projected ? countOf(other, now) : null;
    if (count === null) continue;
    const theirs = cellOf(other);
    const { biases, weights } = theirs.counts[1];
    const key = [theirs.biases && theirs.reset, biases[0], weights[0]].join();
    const row = found.get(key) ?? { names: [], biases: biases[0], count, resets: [], own: false };
    const name = theirs.biases || bare ? told(other) : other.title;
    if (!row.names.includes(name)) row.names.push(name);
    if (!row.resets.includes(theirs.reset)) row.resets.push(theirs.reset);
    row.own ||= other === choice;
    row.lead = theirs.biases || bare ? "" : "<i>without biases</i> ";
    found.set(key, row);
  }
  return [...found.values()].sort((a, b) => (a.count < b.count ? 1 : a.count > b.count ? -1 : 0));
}

function elsewhere(now) {
  const count = total(now.counts.count, now.sizes, now.layers);
  const gru = now.choice.family === "GRU";
  const line = (row) => `<tr${row.own ? ' class="gru-own" aria-current="true"' : ""}>`
    + `<th scope="row">${row.lead}${row.names.map(escaped).join(" · ")}</th>`
    + (gru ? `<td class="gru-wide">${row.resets.join(", ")}</td>` : "")
    + `<td>${written(row.biases)}</td><td class="gru-wide">${grouped(row.count)}</td>`
    + `<td>${row.own ? "this one" : signed(row.count - count)}</td></tr>`;
  const head = (what) => `<thead><tr><th scope="col">${what}</th>`
    + (gru ? '<th scope="col" class="gru-wide">reset gate</th>' : "")
    + '<th scope="col">biases</th><th scope="col" class="gru-wide">count</th>'
    + '<th scope="col">difference</th></tr></thead>';
  const long = String(count).length > 18 ? " gru-long" : "";
  const table = (some, caption, what) => `<table class="gru-table${long}"><caption>${caption}</caption>`
    + `${head(what)}<tbody>${some.map(line).join("")}</tbody></table>`;
  const [libraries, papers] = [rows(now, false), rows(now, true)];
  return (libraries.length ? table(libraries, "The same layer elsewhere", "stored by") : "")
    + (papers.length ? `<details class="gru-more"${now.choice.library === EQUATIONS ? " open" : ""}>`
      + `<summary>In papers and other equations</summary>`
      + `${table(papers, "The same sizes in other equations", "equations")}</details>` : "");
}

// The other of GRU and LSTM beside this layer, and what each could be with as many parameters.
function beside(now) {
  const { choice, cell, sizes } = now;
  const family = choice.family === "GRU" ? "LSTM" : "GRU";
  const others = DATA.choices.filter((c) => c.family === family && !projects(c));
  const fits = (c) => cellOf(c).biases === cell.biases;
  const other = others.find((c) => c.library === choice.library && fits(c))
    ?? others.find(fits) ?? others[0];
  if (!other || now.projected) return "";
  const [mine, theirs] = [countOf(choice, now), countOf(other, now)];
  if (mine === null || theirs === null) return "";
  const fitted = (one, budget) => {
    const n = largest((tried) => countOf(one, now, "count", tried), budget);
    return n === null ? `no ${one.family} is so small`
      : `${one.family === "GRU" ? "a" : "an"} ${one.family} with n = ${grouped(n)} `
        + `(${grouped(countOf(one, now, "count", n))})`;
  };
  const [this_, that] = [escaped(choice.family), escaped(family)];
  return `<span><b>${escaped(other.label)}</b> at the same sizes: <b>${grouped(theirs)}</b>. `
    + `This ${this_} has ${ratio(mine, theirs)}.</span> <span>At most as many parameters as this `
    + `${this_}: ${fitted(other, mine)}; as that ${that}: ${fitted(choice, theirs)}.</span> `
    + '<a href="#gru-and-lstm">Compare</a>';
}

// The line that counts in the library itself.
function codeLine({ choice, cell, sizes, layers, both }) {
  const line = DATA.code[choice.library];
  if (!line) return "";
  const options = Object.entries(choice.sizeOptions).map(([size, name]) => `${name}=${sizes[size]}`);
  options.push(...Object.entries(choice.options).map(([o, value]) => `${o}=${python(value)}`));
  if (!cell.biases && choice.biasOption) options.push(`${choice.biasOption}=False`);
  const stacked = layers > 1n;
  const put = (text, words) => text.replace(/\{(\w+)\}/g, (_, name) => words[name]);
  const words = { ...sizes, L: layers, layer: choice.layer };
  if (stacked && !choice.levels && !line.several) return "";
  if (both && !choice.directions && !line.both) return "";
  if (stacked) options.push(choice.levels && line.levels ? put(line.levels, words) : line.sequence);
  if (both && line.directions) options.push(line.directions);
  words.options = options.filter(Boolean).join(", ");
  words.one = put(line.one, words);
  if (both && line.both) words.one = put(line.both, words);
  words.layers = stacked && line.several ? put(line.several, words) : words.one;
  return put(line.count, words);
}

function ownCommand({ choice, sizes, layers, both }) {
  if (!choice.id) return "";
  const more = Object.keys(sizes).filter((s) => !["m", "n", "L"].includes(s));
  return `python -m gru_sym count ${choice.id} -m ${sizes.m} -n ${sizes.n}`
    + more.map((s) => ` --set ${s}=${sizes[s]}`).join("")
    + (layers > 1n ? ` --layers ${layers}` : "") + (both ? " --bidirectional" : "");
}

function code(now) {
  const one = (text, name) => (text ? `<div class="gru-code"><code>${escaped(text)}</code>`
    + `<button type="button" class="gru-button gru-copy" aria-label="Copy the line for ${name}">copy`
    + "</button></div>" : "");
  return one(codeLine(now), escaped(now.choice.title)) + one(ownCommand(now), "a terminal");
}

const shapeText = (shape, sizes) =>
  (shape.length ? `(${shape.map((s) => evaluate(s, sizes)).join(", ")}${shape.length < 2 ? "," : ""})` : "()");
const product = (shape, sizes) => shape.reduce((all, s) => all * evaluate(s, sizes), 1n);

function tensors(now) {
  const { choice, sizes, layers, both } = now;
  const known = choice.tensors[both ? 2 : 1];
  const times = both && !choice.directions ? 2n : 1n;
  const line = (name, shape, copies) => `<tr><th scope="row">${escaped(name)}</th>`
    + `<td>${shapeText(shape, sizes)}</td><td>${grouped(copies * product(shape, sizes))}</td></tr>`;
  const named = (name) => {
    if (!name.includes("{")) return layers === 2n ? `${name}, layer 2` : `${name}, layers 2 to ${layers}`;
    const at = (k) => name.replace(/\{(\d+)\}/g, (_, one) => String(BigInt(one) + k));
    return layers === 2n ? at(0n) : `${at(0n)} to ${at(layers - 2n)}`;
  };
  const lines = known.map((t) => line(t.name, t.shape, times));
  if (layers > 1n) {
    lines.push(...known.map((t) => line(named(t.later), t.laterShape, times * (layers - 1n))));
  }
  const each = times > 1n ? ", for both directions together" : "";
  return `<table class="gru-table"><caption>By tensor${each}</caption><thead><tr><th scope="col">tensor</th>`
    + `<th scope="col">shape</th><th scope="col">count</th></tr></thead><tbody>${lines.join("")}</tbody></table>`;
}

function gates({ counts, sizes, layers }) {
  const lines = Object.entries(counts.gates).map(([gate, pair]) => `<tr><th scope="row">${escaped(gate)}</th>`
    + `<td>${grouped(total(pair, sizes, layers))}</td></tr>`);
  return '<table class="gru-table"><caption>By gate</caption><thead><tr><th scope="col">gate</th>'
    + `<th scope="col">count</th></tr></thead><tbody>${lines.join("")}</tbody></table>`;
}

// The multiply-adds of the kernels, for one step of one sequence.
function work({ counts, sizes, layers }) {
  if (!counts.work) return "";
  const each = grouped(total(counts.work, sizes, layers));
  return ` <span title="of the matrix products; FLOPs are two a multiply-add">${each} multiply-adds a step</span>`;
}

// The field for a cell of one's own, with this one in it.
function own({ cell, sizes }) {
  if (!cell.text) return "";
  const known = cell.sizes.map((size) => [size, String(sizes[size])]);
  const address = new URLSearchParams([["cell", cell.text], ...known]);
  const root = globalThis.document?.documentElement.dataset.content_root ?? "../";
  return `<a href="${root}book/your_own_cell.html#${escaped(String(address))}">Change its equations</a> and see what follows.`;
}

// Everything that follows from the settings, by the place where it goes.
function answer(now) {
  const { choice, cell, counts, sizes, layers } = now;
  const count = total(counts.count, sizes, layers);
  const [weights, biases] = [counts.weights, counts.biases].map((pair) => total(pair, sizes, layers));
  const label = choice.label;
  const [wide, narrow] = [WIDE, NARROW].map((box) => drawing(label, cell, sizes, box));
  const spare = cell.parameters.some((p) => p.spare) ? " Dashed*: redundant." : "";
  return {
    number: grouped(count),
    formula: formula(now),
    split: `<span>${grouped(weights)} weights + ${grouped(biases)} biases</span> `
      + `<span>${bytes(count)} in float32</span>${work(now)}`,
    own: own(now),
    drawing: `<div class="gru-wide">${wide}</div><div class="gru-narrow">${narrow}</div>`,
    caption: `${layers > 1n || now.both ? "One cell of the first layer" : "The tensors"} to scale, by gate; `
      + `biases are lines.${spare}`,
    effective: effective(now),
    elsewhere: elsewhere(now),
    beside: beside(now),
    code: code(now),
    tensors: tensors(now),
    gates: gates(now),
  };
}
