// The live cell's worker: gru_sym itself, in the Python of Pyodide. One text in, one record out.
import { loadPyodide } from "./pyodide.mjs";

const { version, sizes, lock } = await (await fetch("manifest.json", { cache: "no-cache" })).json();
const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
let loaded = 0;

// A file of the pack, from the reader's own store where it is there already.
async function packed(name, type) {
  const address = new URL(`${name}.gz?${version}`, import.meta.url).href;
  const store = await caches?.open(`gru-live-${version}`).catch(() => null);
  let response = await store?.match(address);
  if (!response) {
    response = await fetch(address);
    if (!response.ok) throw new Error(`${name}: ${response.status}`);
    await store?.put(address, response.clone()).catch(() => null);
  }
  const count = new TransformStream({
    transform(chunk, out) {
      loaded += chunk.byteLength;
      postMessage({ progress: loaded / total });
      out.enqueue(chunk);
    },
  });
  const raw = response.body.pipeThrough(count).pipeThrough(new DecompressionStream("gzip"));
  return new Response(raw, { headers: { "Content-Type": type } });
}

const files = {
  "pyodide.asm.wasm": packed("pyodide.asm.wasm", "application/wasm"),
  "python.zip": packed("python.zip", "application/zip"),
};
const ordinary = self.fetch;
self.fetch = (address, ...rest) =>
  files[new URL(address, self.location).pathname.split("/").pop()] ?? ordinary(address, ...rest);

const python = await (async () => {
  const script = await (await packed("pyodide.asm.js", "text/javascript")).blob();
  await import(URL.createObjectURL(script));
  return loadPyodide({
    indexURL: new URL(".", import.meta.url).href,
    stdLibURL: new URL("python.zip", import.meta.url).href,
    lockFileContents: lock,
  });
})();
const reply = python.pyimport("gru_sym.web.answer").reply;
self.onmessage = ({ data: { id, request } }) => postMessage({ id, reply: reply(request) });
postMessage({ ready: true });
