// The service worker of a reader who has run Python in a page: what was seen is there without a network.
// A page that can be had is never taken from the store. Python itself the live pages keep on their own.
const OURS = `gru-pages ${registration.scope} `; // other books may have the same origin
const STORE = `${OURS}BUILD`;

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("activate", (event) => {
  const old = (name) => name.startsWith(OURS) && name !== STORE;
  const forget = async () => Promise.all((await caches.keys()).filter(old).map((name) => caches.delete(name)));
  event.waitUntil(Promise.all([forget(), clients.claim()]));
});

const wanted = ({ method, url }) => method === "GET" && url.startsWith(registration.scope) && !/\.gz(\?|$)/.test(url);

async function fresh(request) {
  const response = await fetch(request, request.mode === "navigate" ? { cache: "no-cache" } : {});
  if (response.ok) await (await caches.open(STORE)).put(request, response.clone()).catch(() => null);
  return response;
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (!wanted(request) || request.headers.has("range")) return;
  const page = { ignoreSearch: request.mode === "navigate" };
  const kept = async (error) => (await (await caches.open(STORE)).match(request, page)) ?? Promise.reject(error);
  event.respondWith(fresh(request).catch(kept));
});

// What a page had loaded before this worker was there.
self.addEventListener("message", ({ data, ports }) => {
  const requests = data.map((url) => new Request(url)).filter(wanted);
  Promise.allSettled(requests.map(fresh)).then(() => ports[0].postMessage("kept"));
});
