// The fields, and the whole calculator as it is served.

function options(state) {
  const { family } = plain(state.key);
  const groups = new Map();
  for (const key of keys.filter((k) => plain(k).family === family)) {
    const { library, title } = plain(key);
    groups.set(library, { title, keys: [...(groups.get(library)?.keys ?? []), key] });
  }
  return [...groups.values()].map(({ title, keys: own }) => `<optgroup label="${escaped(title)}">`
    + own.map((key) => `<option value="${escaped(key)}"${key === state.key ? " selected" : ""}>`
      + `${escaped(plain(key).label)}</option>`).join("") + "</optgroup>").join("");
}

const hasProjection = (key) => variants(key).some(projects);
const calledBy = (key, size) =>
  variants(key).map((c) => c.sizeOptions[size]).find(Boolean) ?? LETTERS[size];

function field(name, state) {
  const hidden = name === "p" && !hasProjection(state.key) ? " hidden" : "";
  return `<div class="gru-field" id="gru-field-${name}"${hidden}><label for="gru-${name}"><b>${name}</b> `
    + `<span>${escaped(calledBy(state.key, name))}</span></label>`
    + `<input id="gru-${name}" name="${name}" inputmode="numeric" autocomplete="off" spellcheck="false" `
    + `value="${escaped(state[name])}" aria-describedby="gru-fault-${name}">`
    + `<p class="gru-fault" id="gru-fault-${name}"></p></div>`;
}

const box = (name, words, checked) => `<label class="gru-check" id="gru-label-${name}">`
  + `<input type="checkbox" name="${name}" id="gru-${name}"${checked ? " checked" : ""}> ${words}</label>`;

function form(state) {
  const { family } = plain(state.key);
  const cells = families.map((name) => `<label><input type="radio" name="family" value="${name}"`
    + `${name === family ? " checked" : ""}><span>${name}</span></label>`);
  return '<form class="gru-form" id="gru-form" aria-label="The layer to count">'
    + `<fieldset class="gru-cells"><legend>Cell</legend>${cells.join("")}</fieldset>`
    + `<div class="gru-field gru-library"><label for="gru-key">Library</label>`
    + `<select id="gru-key" name="key">${options(state)}</select></div>`
    + ["m", "n", "L", "p"].map((name) => field(name, state)).join("")
    + `<div class="gru-checks">${box("both", "both directions", state.both)}`
    + `${box("bare", "no biases", !state.biases)}</div></form>`;
}

function calculator(state) {
  const now = answer(read(state));
  return `${form(state)}<p class="gru-note" id="gru-note" role="status"></p>`
    + '<section class="gru-answer" id="gru-answer" aria-label="The answer"><div class="gru-head">'
    + `<p class="gru-total"><output id="gru-number" for="gru-form" aria-live="polite">${now.number}</output> `
    + "<span>parameters</span></p>"
    + `<div class="gru-how"><p class="gru-formula" id="gru-formula">${now.formula}</p>`
    + `<p class="gru-split" id="gru-split">${now.split}</p></div>`
    + '<button type="button" class="gru-button gru-live" id="gru-link">copy link</button></div>'
    + `<figure class="gru-figure"><div id="gru-drawing">${now.drawing}</div>`
    + `<figcaption id="gru-caption">${now.caption}</figcaption></figure>`
    + `<p class="gru-effective" id="gru-effective">${now.effective}</p>`
    + `<p class="gru-beside" id="gru-beside">${now.beside}</p>`
    + `<div id="gru-elsewhere">${now.elsewhere}</div>`
    + `<div class="gru-lines" id="gru-code">${now.code}</div>`
    + `<p id="gru-own">${now.own}</p>`
    + `<div class="gru-parts"><div id="gru-tensors">${now.tensors}</div>`
    + `<div id="gru-gates">${now.gates}</div></div></section>`;
}
