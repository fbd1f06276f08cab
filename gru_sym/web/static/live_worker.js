// The worker of the live pages: gru_sym itself, in the Python of Pyodide. A request in, a record out.
//
// First message: {files, later, kept, lock, version, fresh}. `files` gives the addresses of the pack's
// files, already unpacked, as blobs; of those that may be missing there, `later` gives where they are
// packed. The memory that this reader's browser keeps is in the store `version`, under the name `kept`.
// Then {id, request, file}: JSON for `gru_sym.web.replies`, and a file that was chosen in the page.
// Answers: {ready}, {id, record}, {id, fault}, {failed}.

const given = new Promise((resolve) => {
  self.onmessage = ({ data }) => resolve(data);
});
const LIBRARY = "/lib/python313.zip";
const PACKAGES = "/lib/python3.13/site-packages";
const EMPTY_ZIP = "data:application/zip;base64,UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";

// A memory with a fault in it would not fail but hang.
async function digest(memory) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", memory));
  return bytes.reduce((text, byte) => text + byte.toString(16).padStart(2, "0"), "");
}

async function restored({ version, kept, fresh }) {
  if (fresh) return null;
  try {
    const found = await (await caches.open(version)).match(kept);
    if (!found) return null;
    const memory = new Uint8Array(await found.arrayBuffer());
    return (await digest(memory)) === found.headers.get("Digest") ? memory : null;
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
    stdLibURL: snapshot ? EMPTY_ZIP : await address(init, "python.zip"),
    lockFileContents: init.lock,
    ...(snapshot ? { _loadSnapshot: snapshot } : { _makeSnapshot: true }),
  });
  if (snapshot) python.runPython("import random; random.seed()");
  else await unpack(python, init);
  return [python, snapshot !== null];
}

// Where a file of the pack is, unpacked.
async function address({ files, later, version }, name) {
  if (files[name]) return files[name];
  const store = await caches.open(version).catch(() => null);
  const { body } = (await store?.match(later[name])) ?? (await fetch(later[name]));
  const blob = await new Response(body.pipeThrough(new DecompressionStream("gzip"))).blob();
  return (files[name] = URL.createObjectURL(blob));
}

const bytes = async (init, name) => new Uint8Array(await (await fetch(await address(init, name))).arrayBuffer());

// gru_sym as files, because its texts are found as files.
const EXTRACT = `
def extract(archive, folder):
    import io, zipfile
    zipfile.ZipFile(io.BytesIO(archive.to_bytes())).extractall(folder)

extract
`;

async function unpack(python, init) {
  const extract = python.runPython(EXTRACT);
  extract(await bytes(init, "gru_sym.zip"), PACKAGES);
  extract.destroy();
}

// As importlib.invalidate_caches, which takes a module that the pack does not have.
const FORGET = `
import sys, zipimport
sys.path_importer_cache.clear()
zipimport._zip_directory_cache.clear()
`;

// What the kept memory does not have: the files.
async function complete(python, init) {
  python.FS.writeFile(LIBRARY, await bytes(init, "python.zip"));
  python.runPython(FORGET); // that they were not there; what unpacks is among them
  await unpack(python, init);
  python.runPython(FORGET);
}

// Stretches of a file of the reader's, read when Python asks for them.
const READING = `
def reading(stretch):
    from pyodide.ffi import JsException

    def read(start, end):
        try:
            return stretch(start, end).to_bytes()
        except JsException as error:
            raise OSError(str(error)) from None

    return read

reading
`;

function reading(python, file) {
  const reader = new FileReaderSync();
  const stretch = (start, end) => new Uint8Array(reader.readAsArrayBuffer(file.slice(start, end)));
  const make = python.runPython(READING);
  const read = make(stretch);
  make.destroy();
  return read;
}

// The memory as it is now, for the next visit. Whatever fails, the next visit starts as this one did.
async function keep(python, { version, kept }) {
  try {
    const memory = python.makeMemorySnapshot();
    const headers = { Digest: await digest(memory) };
    await (await caches.open(version)).put(kept, new Response(memory, { headers }));
    postMessage({ kept: true });
  } catch {
    return;
  }
}

const ENTITIES = { "&lt;": "<", "&gt;": ">", "&amp;": "&", "&quot;": '"', "&#x27;": "'" };

function typeset(record) {
  const mathml = (tex, displayMode = false) => temml.renderToString(tex, { displayMode });
  if (record.latex) record.mathml = mathml(record.latex, true);
  if (record.formula_latex) record.formula_mathml = mathml(record.formula_latex);
  for (const parameter of record.parameters ?? []) parameter.mathml = mathml(parameter.latex);
  const unescaped = (text) => text.replace(/&(lt|gt|amp|quot|#x27);/g, (entity) => ENTITIES[entity]);
  for (const output of record.outputs ?? []) {
    if (output.latex) output.html = mathml(output.latex, true);
    output.html = output.html?.replace(/<gru-tex>([^<]*)<\/gru-tex>/g, (_, tex) => mathml(unescaped(tex)));
  }
  return record;
}

async function main() {
  const init = await given;
  const [python, known] = await start(init);
  importScripts(init.files["temml.min.js"]);
  const answer = (request, file) => {
    const reply = python.pyimport("gru_sym.web.replies").reply;
    const read = file && reading(python, file);
    try {
      return JSON.parse(reply(request, read));
    } finally {
      reply.destroy(); // what is left would be in the memory that is kept
      read?.destroy();
    }
  };
  let completion = known ? null : Promise.resolve();
  const completed = () => (completion ??= complete(python, init));
  let waiting = known ? null : setTimeout(() => keep(python, init), 3000);
  const keepNow = async () => {
    clearTimeout(waiting);
    waiting = null;
    python.runPython("import gru_sym.explanation.explaining, gru_sym.explanation.page");
    await keep(python, init);
  };
  const recorded = async (request, file) => {
    if (["explain", "run"].includes(JSON.parse(request).ask)) {
      await completed();
      if (waiting !== null) await keepNow(); // nothing of a file or of a chapter is kept
    }
    const whole = completion;
    await whole;
    try {
      return typeset(answer(request, file));
    } catch (error) {
      if (whole) throw error;
      await completed(); // perhaps a module that was not imported when the memory was kept
      return typeset(answer(request, file));
    }
  };
  self.onmessage = async ({ data: { id, request, file } }) => {
    try {
      postMessage({ id, record: await recorded(request, file) });
    } catch (error) {
      postMessage({ id, fault: String(error.message ?? error).trim().split("\n").pop() });
    }
    completed().catch(() => null);
    if (waiting !== null) {
      clearTimeout(waiting);
      waiting = setTimeout(() => ((waiting = null), keep(python, init)), 3000);
    }
  };
  postMessage({ ready: true, known });
}

main().catch((error) => postMessage({ failed: String(error.message ?? error) }));
