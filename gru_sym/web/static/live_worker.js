// The live cell's worker: gru_sym itself, in the Python of Pyodide. A text in, a record out.
//
// First message: {files, lock, snapshot, fresh}. `files` gives the address of every file of the pack,
// already unpacked, as blobs; `snapshot` is the place of the memory that this reader's browser keeps.
// Then {id, request}. Answers: {ready}, {id, record}, {id, fault}, {failed}.

const given = new Promise((resolve) => {
  self.onmessage = ({ data }) => resolve(data);
});
const LIBRARY = "/lib/python313.zip";
const EMPTY_ZIP = "data:application/zip;base64,UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";
const KEPT = "https://gru-live.invalid/snapshot"; // a name in the store, never asked for

// A memory with a fault in it would not fail but hang.
async function digest(memory) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", memory));
  return bytes.reduce((text, byte) => text + byte.toString(16).padStart(2, "0"), "");
}

async function restored({ version, fresh }) {
  if (fresh) return null;
  try {
    const kept = await (await caches.open(version)).match(KEPT);
    if (!kept) return null;
    const memory = new Uint8Array(await kept.arrayBuffer());
    return (await digest(memory)) === kept.headers.get("Digest") ? memory : null;
  } catch {
    return null; // no store, as in a private window
  }
}

async function start(init) {
  const { loadPyodide } = await import(init.files["pyodide.mjs"]);
  await import(init.files["pyodide.asm.js"]);
  const ordinary = self.fetch;
  self.fetch = (address, ...rest) =>
    ordinary(init.files[String(address).split("/").pop()] ?? address, ...rest);
  const snapshot = await restored(init);
  const python = await loadPyodide({
    indexURL: "https://gru-live.invalid/",
    // What the memory holds is imported already; the rest comes after the first answer.
    stdLibURL: snapshot ? EMPTY_ZIP : init.files["python.zip"],
    lockFileContents: init.lock,
    ...(snapshot ? { _loadSnapshot: snapshot } : { _makeSnapshot: true }),
  });
  if (snapshot) python.runPython("import random; random.seed()");
  return [python, snapshot !== null];
}

async function complete(python, init) {
  const library = await (await fetch(init.files["python.zip"])).arrayBuffer();
  python.FS.writeFile(LIBRARY, new Uint8Array(library));
  python.runPython("import importlib; importlib.invalidate_caches()");
}

// The memory as it is now, for the next visit. Whatever fails, the next visit starts as this one did.
async function keep(python, version) {
  try {
    const memory = python.makeMemorySnapshot();
    const headers = { Digest: await digest(memory) };
    await (await caches.open(version)).put(KEPT, new Response(memory, { headers }));
    postMessage({ kept: true });
  } catch {
    return;
  }
}

function typeset(record) {
  const mathml = (tex, displayMode = false) => temml.renderToString(tex, { displayMode });
  if (record.latex) record.mathml = mathml(record.latex, true);
  if (record.formula_latex) record.formula_mathml = mathml(record.formula_latex);
  for (const parameter of record.parameters ?? []) parameter.mathml = mathml(parameter.latex);
  return record;
}

async function main() {
  const init = await given;
  const [python, known] = await start(init);
  importScripts(init.files["temml.min.js"]);
  const answer = (request) => {
    const reply = python.pyimport("gru_sym.web.answer").reply;
    try {
      return reply(request);
    } finally {
      reply.destroy();
    }
  };
  let whole = !known;
  const completed = async () => {
    if (whole) return;
    whole = true;
    await complete(python, init);
  };
  let waiting = known ? null : setTimeout(() => keep(python, init.version), 3000);
  const recorded = async (request) => {
    try {
      return typeset(JSON.parse(answer(request)));
    } catch (error) {
      if (whole) throw error;
      await completed(); // perhaps a module that was not imported when the memory was kept
      return typeset(JSON.parse(answer(request)));
    }
  };
  self.onmessage = async ({ data: { id, request } }) => {
    try {
      postMessage({ id, record: await recorded(request) });
    } catch (error) {
      postMessage({ id, fault: String(error.message ?? error).trim().split("\n").pop() });
    }
    completed().catch(() => null);
    if (waiting !== null) {
      clearTimeout(waiting);
      waiting = setTimeout(() => ((waiting = null), keep(python, init.version)), 3000);
    }
  };
  postMessage({ ready: true, known });
}

main().catch((error) => postMessage({ failed: String(error.message ?? error) }));
