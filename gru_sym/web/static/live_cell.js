// The live cell's page: what is typed goes to a worker, and what it answers is shown.
(() => {
  const box = document.getElementById("gru-live");
  const at = (name) => document.getElementById(`gru-live-${name}`);
  const [field, status, problem, shown] = ["text", "status", "error", "answer"].map(at);
  const examples = JSON.parse(box.dataset.examples);
  const PROOF_AFTER = 300; // milliseconds of no typing after the counts
  const STALE_AFTER = 1000; // a proof of an older text that runs this long is ended
  const size = { m: "8", n: "16" };
  let latest = 0;
  let timer = null;

  const make = (tag, content = "", name = "") => {
    const element = document.createElement(tag);
    element.append(...[content].flat());
    if (name) element.className = `gru-live-${name}`;
    return element;
  };
  const mathematics = (markup, name = "math") => {
    const element = make("span", "", name);
    element.innerHTML = markup; // Temml's, which escapes what it was given
    return element;
  };

  const python = new gruPython(box, {
    ready: () => changed(0),
    heard([number, what], record, fault) {
      if (number !== latest) return;
      if (fault) python.tell(`gru_sym failed on this cell, please report it: ${fault}`);
      else if (record.error) wrong(record.error);
      else if (what === "effective") proved(record);
      else show(record);
    },
    stopped() {
      latest += 1;
      const place = shown.querySelector(".gru-live-proof");
      if (place) place.textContent = "Stopped: how many count was not settled.";
    },
  });

  // --------------------------------------------------------------------------------- asking

  function ask(what) {
    python.ask([latest, what], { ask: what, text: field.value, sizes: numbers() });
  }

  const numbers = () =>
    Object.fromEntries(Object.entries(size).filter(([, text]) => /^[1-9]\d{0,99}$/.test(text)));

  function changed(wait = 250) {
    latest += 1;
    python.quiet = false;
    problem.hidden = true;
    mark(null);
    if (wait) share();
    if (!python.begun) return python.start();
    shown.classList.add("gru-live-old");
    clearTimeout(timer); // that of a proof, too
    timer = setTimeout(() => {
      if (!python.ready) return; // asked when it is
      const { running } = python;
      if (running && performance.now() - running.since > STALE_AFTER) python.begin();
      else ask("answer");
    }, wait);
  }

  function share() {
    const address = new URLSearchParams({ cell: field.value, ...size });
    if (String(address).length < 8000) history.replaceState(null, "", `#${address}`);
  }

  // -------------------------------------------------------------------------------- showing

  function mark(place) {
    const lines = field.value.split("\n");
    const back = at("mark");
    if (!place) return back.replaceChildren(field.value.length < 5000 ? `${field.value}\n` : "");
    const before = lines.slice(0, place.line - 1).map((line) => `${line}\n`).join("");
    const line = lines[place.line - 1] ?? "";
    const [from, to] = [place.column - 1, Math.max(place.end - 1, place.column)];
    const wavy = make("mark", line.slice(from, to) || " ");
    back.replaceChildren(before + line.slice(0, from), wavy, `${line.slice(to)}\n`);
    back.scrollTop = field.scrollTop;
  }

  function wrong({ place, text }) {
    const [sentence, ...caret] = text.split("\n");
    problem.replaceChildren(make("p", sentence), make("pre", caret.join("\n")));
    problem.hidden = false;
    mark(place);
  }

  function show(record) {
    problem.hidden = true;
    shown.classList.remove("gru-live-old");
    fields(record.size_names);
    const proof = make("p", "How many of them count is being proved …", "proof");
    const notes = record.notes.map((note) => make("p", `Note: ${note}.`));
    shown.replaceChildren(total(record), proof, ...notes, mathematics(record.mathml, "equations"), table(record), code(record));
    timer = setTimeout(() => ask("effective"), PROOF_AFTER);
  }

  function total(record) {
    const line = make("p", "", "count");
    if (record.count) line.append(make("strong", grouped(record.count)), " parameters = ");
    line.append(mathematics(record.formula_mathml));
    if (record.factored) line.append(` = ${record.factored}`);
    if (record.count) line.append(`; ${grouped(record.weights)} weights, ${grouped(record.biases)} biases`);
    return line;
  }

  const grouped = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, "\u202f");

  function proved(record) {
    const lines = record.families.map((f) => make("li", `${f.count} redundant: ${f.sentence}`));
    const place = shown.querySelector(".gru-live-proof");
    place.replaceWith(make("div", [make("p", record.sentence), make("ul", lines)], "proof"));
  }

  function table(record) {
    const row = (tag, cells) => make("tr", cells.map((cell) => make(tag, cell)));
    const reason = ({ size, steps, origin }) => `${size}: ${[...steps, origin].join(" → ")}`;
    const rows = record.parameters.map((p) =>
      row("td", [
        mathematics(p.mathml),
        p.shape.join(" × ") || "scalar",
        p.count ? grouped(p.count) : p.formula.replaceAll("**", "^").replaceAll("*", " "),
        p.role,
        make("details", [make("summary", p.reasons.map((r) => r.origin).join(", ") || "declared"), ...p.reasons.map((r) => make("div", reason(r)))]),
      ]),
    );
    const head = row("th", ["parameter", "shape", "count", "role", "why this shape"]);
    return make("div", make("table", [make("thead", head), make("tbody", rows)], "table"), "wide");
  }

  function code(record) {
    const names = { numpy: "NumPy", torch: "PyTorch", javascript: "JavaScript" };
    const folds = Object.entries(record.code).map(([library, { text, refused }]) =>
      make("details", [make("summary", `This cell in ${names[library]}`), make("pre", text ?? refused)]),
    );
    return make("div", folds, "code");
  }

  // A number for each size that the cell has.
  function fields(names) {
    const there = [...at("sizes").querySelectorAll("input")].map((input) => input.name);
    if (there.join() === names.join()) return;
    at("sizes").replaceChildren(
      ...names.map((name) => {
        const input = make("input");
        Object.assign(input, { name, value: (size[name] ??= "4"), inputMode: "numeric", size: 6, maxLength: 100 });
        input.addEventListener("input", () => {
          size[name] = input.value.trim();
          const right = /^[1-9]\d{0,99}$/.test(size[name]);
          input.setAttribute("aria-invalid", String(!right));
          if (right) changed();
          else status.textContent = `${name} is a positive whole number, such as 16.`;
        });
        return make("label", [`${name} = `, input]);
      }),
    );
  }

  // ------------------------------------------------------------------------------------ once

  const { cell, ...sent } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  if (cell !== undefined) {
    field.value = cell;
    Object.assign(size, sent);
  }
  fields(["m", "n"]);
  for (const [name, text] of Object.entries(examples)) at("example").append(new Option(name, text));
  at("example").addEventListener("change", ({ target }) => {
    if (!target.value) return;
    field.value = target.value;
    changed();
  });
  field.addEventListener("input", () => changed());
  field.addEventListener("focus", () => python.start());
  field.addEventListener("scroll", () => (at("mark").scrollTop = field.scrollTop));
})();
