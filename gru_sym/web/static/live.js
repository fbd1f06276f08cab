// The live cell's page: what is typed goes to the worker, what it answers is shown.
(() => {
  const folder = new URL(".", document.currentScript.src).href;
  const at = (name) => document.getElementById(`gru-live-${name}`);
  const [text, status, problem, shown] = ["text", "status", "error", "answer"].map(at);
  let worker = null;
  let latest = 0;
  let waiting = null;

  const make = (tag, content = "", className = "") => {
    const element = document.createElement(tag);
    element.textContent = content;
    if (className) element.className = `gru-live-${className}`;
    return element;
  };

  const sizes = () =>
    Object.fromEntries(
      ["m", "n"].map((name) => [name, at(name).value.trim()]).filter(([, v]) => /^[1-9]\d{0,99}$/.test(v)),
    );

  const ask = (what) =>
    worker?.postMessage({
      id: [latest, what],
      request: JSON.stringify({ ask: what, text: text.value, sizes: sizes() }),
    });

  function changed() {
    latest += 1;
    history.replaceState(null, "", `#cell=${encodeURIComponent(text.value)}`);
    shown.classList.add("gru-live-old");
    clearTimeout(waiting);
    waiting = setTimeout(() => ask("answer"), 250);
  }

  function start() {
    if (worker) return;
    if (location.protocol === "file:") {
      status.textContent =
        "From a folder a browser does not start this: run `python -m http.server` in the folder of the pages and open http://localhost:8000.";
      return;
    }
    at("start").hidden = true;
    at("stop").hidden = false;
    worker = new Worker(`${folder}live_worker.js`, { type: "module" });
    worker.onmessage = ({ data }) => {
      if (data.progress) status.textContent = `Loading Python: ${Math.min(100, Math.round(100 * data.progress))} %`;
      else if (data.ready) changed();
      else if (data.id[0] === latest) show(data.id[1], JSON.parse(data.reply));
    };
    worker.onerror = (event) => {
      stop();
      status.textContent = `Python could not be started here. ${event.message ?? ""}`;
    };
  }

  function stop() {
    worker?.terminate();
    worker = null;
    latest += 1;
    at("stop").hidden = true;
    at("start").hidden = false;
    status.textContent = "Stopped.";
  }

  function show(what, record) {
    status.textContent = "";
    problem.hidden = !record.error;
    if (record.error) {
      problem.textContent = record.error.text;
      return;
    }
    if (what === "effective") return proved(record);
    shown.classList.remove("gru-live-old");
    shown.replaceChildren(count(record), make("p", "Proving how many count …", "proof"), table(record), ...code(record));
    waiting = setTimeout(() => ask("effective"), 300);
  }

  function count(record) {
    const line = make("p", "", "count");
    if (record.count) line.append(make("strong", record.count), " parameters = ");
    line.append(make("span", record.factored ?? record.formula));
    if (record.count) line.append(`: ${record.weights} weights, ${record.biases} biases`);
    return line;
  }

  function proved(record) {
    const place = shown.querySelector(".gru-live-proof");
    place.textContent = record.sentence;
    for (const family of record.families) {
      place.append(make("br"), `${family.count} redundant: ${family.sentence}`);
    }
  }

  function table(record) {
    const all = make("table", "", "table");
    const row = (tag, cells) => {
      const line = make("tr");
      line.append(...cells.map((cell) => make(tag, cell)));
      return line;
    };
    const reason = ({ size, steps, origin }) => `${size}: ${[...steps, origin].join(" → ")}`;
    all.append(row("th", ["parameter", "shape", "count", "role", "why this shape"]));
    for (const p of record.parameters) {
      const number = p.count ? `${p.formula} = ${p.count}` : p.formula;
      const shape = p.shape.join(" × ") || "scalar";
      all.append(row("td", [p.name, shape, number, p.role, p.reasons.map(reason).join("; ")]));
    }
    const box = make("div", "", "wide");
    box.append(all);
    return box;
  }

  function code(record) {
    const names = { numpy: "NumPy", torch: "PyTorch", javascript: "JavaScript" };
    return Object.entries(record.code).map(([library, { text: module, refused }]) => {
      const fold = make("details");
      fold.append(make("summary", `The cell in ${names[library]}`), make("pre", module ?? refused));
      return fold;
    });
  }

  const given = new URLSearchParams(location.hash.slice(1)).get("cell");
  if (given) text.value = given;
  text.addEventListener("input", () => (worker ? changed() : start()));
  text.addEventListener("focus", start, { once: true });
  for (const name of ["m", "n"]) at(name).addEventListener("input", changed);
  at("start").addEventListener("click", start);
  at("stop").addEventListener("click", stop);
})();
