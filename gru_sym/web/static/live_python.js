// Python in a worker, for one box of a page: loaded when it is asked for, ended when it is stopped.
//
// In the box are the elements `ID-start`, `ID-stop` and `ID-status`; whoever uses it gives `ready`,
// `heard` and `stopped`, and `again` where the start is offered again whenever nothing runs.
globalThis.gruPython = (() => {
  const folder = new URL(".", document.currentScript.src).href;
  const { version: digest, sizes: bytes, lock } = globalThis.gruPack;
  const version = `gru-live-${digest}`;
  const FOLDER_ONLY =
    "From a folder a browser does not run this. In that folder run “python -m http.server”, then open http://localhost:8000. All else on this page works as it is.";
  const LATER = ["python.zip", "gru_sym.zip"]; // where the memory is kept, after the first answer
  const KEPT = "https://gru-live.invalid/snapshot"; // the memory's name in the store, never asked for
  let files = null; // the pack, unpacked, as addresses of blobs; one for all boxes

  const packed = (name) => `${folder}${name}.gz?${digest}`;

  // From the reader's own store, or from where the page came from and then into the store.
  async function fetched(name, seen, signal) {
    const address = packed(name);
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

  async function load(signal, tell) {
    const known = await self.caches?.match(KEPT, { cacheName: version }).catch(() => null);
    const names = Object.keys(bytes).filter((name) => !(known && LATER.includes(name)));
    const total = names.reduce((sum, name) => sum + bytes[name], 0);
    let done = 0;
    const seen = (length) => {
      done += length;
      const [mega, all] = [done, total].map((number) => (number / 1e6).toFixed(1));
      tell(done < total ? `Loading Python: ${mega} of ${all} MB` : "Starting Python …");
    };
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

  // The page itself, for later visits without a network; a browser that refuses it goes on without.
  async function keepPage(box) {
    try {
      const { active } = await navigator.serviceWorker
        .register(new URL("../../offline.js", folder))
        .then(() => navigator.serviceWorker.ready);
      const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => (box.dataset.offline = "yes");
      active.postMessage([location.href.split("#")[0], ...loaded], [port2]);
    } catch {
      return;
    }
  }

  return class Python {
    ready = false;
    running = null; // what it is at: {id, since}
    quiet = false; // since it was stopped nothing has been asked
    #worker = null;
    #fresh = false; // after a failed start from the snapshot: the ordinary one
    #cancel = null;

    constructor(box, user) {
      this.box = box;
      this.user = user;
      [this.starter, this.stopper, this.status] = ["start", "stop", "status"].map((name) =>
        document.getElementById(`${box.id}-${name}`),
      );
      this.starter.addEventListener("click", () => this.start());
      this.stopper.addEventListener("click", () => this.stop());
    }

    get begun() {
      return this.#worker !== null;
    }

    async start() {
      if (this.#worker || this.#cancel) return;
      if (location.protocol === "file:") return this.tell(FOLDER_ONLY);
      this.#cancel = new AbortController();
      this.#show(false, true);
      try {
        files ??= await load(this.#cancel.signal, (sentence) => this.tell(sentence));
        this.begin();
        keepPage(this.box);
      } catch (error) {
        this.#cancel = null;
        this.#quit(error.name === "AbortError" ? "Stopped." : `Python could not be loaded: ${error.message}.`);
      }
    }

    // A new worker, which knows nothing of the one before.
    begin() {
      this.#cancel = null;
      this.ready = false;
      this.running = null;
      this.#worker?.terminate();
      this.tell("Starting Python …");
      this.#worker = new Worker(files["live_worker.js"]);
      this.#worker.onmessage = ({ data }) => this.#heard(data);
      this.#worker.onerror = (event) => {
        event.preventDefault();
        this.#heard({ failed: event.message ?? "the worker was refused" });
      };
      const later = Object.fromEntries(LATER.map((name) => [name, packed(name)]));
      this.#worker.postMessage({ files, later, kept: KEPT, lock, version, fresh: this.#fresh });
    }

    // Python cannot be interrupted from outside, so it is ended and begun anew.
    stop() {
      if (this.#cancel) return this.#cancel.abort();
      if (!this.ready) {
        this.#fresh = true; // perhaps it hangs
        return this.#quit("Stopped.");
      }
      this.quiet = true;
      this.user.stopped?.();
      this.begin();
    }

    ask(id, request, more = {}) {
      this.quiet = false;
      this.running = { id, since: performance.now() };
      this.#show(false, true);
      this.#worker.postMessage({ id, request: JSON.stringify(request), ...more });
    }

    tell(sentence) {
      this.status.textContent = sentence;
    }

    #heard({ ready, known, id, record, fault, failed, kept }) {
      if (failed) {
        this.#worker.terminate();
        this.#worker = null;
        if (this.#fresh) return this.#quit(`Python could not be started here: ${failed}.`);
        this.#fresh = true; // perhaps it was the snapshot
        return this.begin();
      }
      if (kept) this.box.dataset.kept = "yes";
      if (ready) {
        this.ready = true;
        this.#show(false, false);
        this.box.dataset.start = known ? "snapshot" : "ordinary";
        this.tell(this.quiet ? "Stopped." : "");
        if (!this.quiet) this.user.ready();
      }
      if (id === undefined) return;
      this.running = null;
      this.#show(false, false);
      this.tell("");
      this.user.heard(id, record, fault);
    }

    #quit(sentence) {
      this.#worker?.terminate();
      this.#worker = null;
      this.ready = false;
      this.#show(true, false);
      this.tell(sentence);
    }

    #show(startable, stoppable) {
      this.starter.hidden = !(startable || (this.user.again && !stoppable));
      this.stopper.hidden = !stoppable;
    }
  };
})();
