// The live cell's page: what is typed goes to a worker, and what it answers is shown.
(() => {
  const folder = new URL(".", document.currentScript.src).href;
  const at = (name) => document.getElementById(`gru-live-${name}`);
  const [field, status, problem, shown] = ["text", "status", "error", "answer"].map(at);
  const { version: digest, sizes: bytes, lock, examples } = JSON.parse(document.getElementById("gru-live").dataset.pack);
  const version = `gru-live-${digest}`;
  const PROOF_AFTER = 300; // milliseconds of no typing after the counts
  const STALE_AFTER = 1000; // a proof of an older text that runs this long is ended
  const size = { m: "8", n: "16" };
  let worker = null;
  let files = null; // the pack, unpacked, as addresses of blobs
  let ready = false;
  let fresh = false; // after a failed start from the snapshot: the ordinary one
  let cancel = null;
  let latest = 0;
  let timer = null;
  let quiet = false; // after Stop nothing is asked until something is typed
  let running = null; // what the worker is at: {id, since}

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

  // ------------------------------------------------------------------------------- loading

  // From the reader's own store, or from where the page came from and then into the store.
  async function fetched(name, seen, signal) {
    const address = `${folder}${name}.gz?${digest}`;
    const store = await self.caches?.open(version).catch(() => null);
    let response = await store?.match(address).catch(() => null);
    if (!response) {
      response = await fetch(address, { signal });
      if (!response.ok) throw new Error(`${name}: ${response.status}`);
      await store?.put(address, response.clone()).catch(() => null);
    }
    const count = new TransformStream({
      transform(chunk, out) {
        seen(chunk.byteLength);
        out.enqueue(chunk);
      },
    });
    const raw = response.body.pipeThrough(count).pipeThrough(new DecompressionStream("gzip"));
    const kind = name.endsWith(".wasm") ? "application/wasm" : "text/javascript";
    const blob = await new Response(raw, { headers: { "Content-Type": kind } }).blob();
    return [name, URL.createObjectURL(blob)];
  }

  async function load(signal) {
    const total = Object.values(bytes).reduce((sum, part) => sum + part, 0);
    let done = 0;
    const seen = (length) => {
      done += length;
      const [mega, all] = [done, total].map((number) => (number / 1e6).toFixed(1));
      status.textContent = done < total ? `Loading Python: ${mega} of ${all} MB` : "Starting Python …";
    };
    const names = [...Object.keys(bytes)];
    const worker = fetch(`${folder}live_worker.js?${digest}`, { signal }).then((r) => r.blob());
    const pack = await Promise.all(names.map((name) => fetched(name, seen, signal)));
    await forgetOthers();
    const script = URL.createObjectURL(await worker);
    return Object.fromEntries([...pack, ["live_worker.js", script]]);
  }

  async function forgetOthers() {
    try {
      for (const name of await caches.keys())
        if (name.startsWith("gru-live-") && name !== version) await caches.delete(name);
    } catch {
      return; // no store
    }
  }

  async function start() {
    if (worker || cancel) return;
    if (location.protocol === "file:") {
      status.textContent =
        "From a folder a browser does not run this. In that folder run “python -m http.server”, then open http://localhost:8000. All else on this page works as it is.";
      return;
    }
    cancel = new AbortController();
    at("start").hidden = true;
    at("stop").hidden = false;
    try {
      files ??= await load(cancel.signal);
      begin();
    } catch (error) {
      cancel = null;
      quit(error.name === "AbortError" ? "Stopped." : `Python could not be loaded: ${error.message}.`);
    }
  }

  function begin() {
    cancel = null;
    ready = false;
    status.textContent = "Starting Python …";
    worker = new Worker(files["live_worker.js"]);
    worker.onmessage = ({ data }) => heard(data);
    worker.onerror = (event) => {
      event.preventDefault();
      heard({ failed: event.message ?? "the worker was refused" });
    };
    worker.postMessage({ files, lock, version, fresh });
  }

  function heard({ ready: begun, known, id, record, fault, failed, kept }) {
    if (failed) {
      worker.terminate();
      worker = null;
      if (fresh) return quit(`Python could not be started here: ${failed}.`);
      fresh = true; // perhaps it was the snapshot
      return begin();
    }
    if (kept) document.getElementById("gru-live").dataset.kept = "yes";
    if (begun) {
      ready = true;
      at("stop").hidden = true;
      document.getElementById("gru-live").dataset.start = known ? "snapshot" : "ordinary";
      status.textContent = quiet ? "Stopped." : "";
      return quiet ? undefined : changed(0);
    }
    if (!id) return;
    running = null;
    at("stop").hidden = true;
    status.textContent = "";
    if (id[0] !== latest) return;
    if (fault) status.textContent = `gru_sym failed on this cell, please report it: ${fault}`;
    else if (record.error) wrong(record.error);
    else if (id[1] === "effective") proved(record);
    else show(record);
  }

  function quit(sentence) {
    worker?.terminate();
    worker = null;
    ready = false;
    at("start").hidden = false;
    at("stop").hidden = true;
    status.textContent = sentence;
  }

  // Python cannot be interrupted from outside, so it is ended and begun anew.
  function stop() {
    if (cancel) return cancel.abort();
    const place = shown.querySelector(".gru-live-proof");
    if (!ready) {
      fresh = true; // perhaps it hangs
      return quit("Stopped.");
    }
    worker.terminate();
    running = null;
    latest += 1;
    if (place) place.textContent = "Stopped: how many count was not settled.";
    quiet = true;
    begin();
  }

  // --------------------------------------------------------------------------------- asking

  function ask(what) {
    running = { id: latest, since: performance.now() };
    at("stop").hidden = false;
    worker.postMessage({
      id: [latest, what],
      request: JSON.stringify({ ask: what, text: field.value, sizes: numbers() }),
    });
  }

  const numbers = () =>
    Object.fromEntries(Object.entries(size).filter(([, text]) => /^[1-9]\d{0,99}$/.test(text)));

  function changed(wait = 250) {
    latest += 1;
    quiet = false;
    problem.hidden = true;
    mark(null);
    if (wait) share();
    if (!worker) return start();
    shown.classList.add("gru-live-old");
    clearTimeout(timer); // that of a proof, too
    timer = setTimeout(() => {
      if (!ready) return; // asked when it is
      if (running && performance.now() - running.since > STALE_AFTER) {
        worker.terminate();
        running = null;
        return begin();
      }
      ask("answer");
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
  field.addEventListener("focus", start);
  field.addEventListener("scroll", () => (at("mark").scrollTop = field.scrollTop));
  at("start").addEventListener("click", start);
  at("stop").addEventListener("click", stop);
})();
