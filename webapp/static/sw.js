// Lets a driver open the last manifest without a connection. Pages: network first, since an old manifest can strand a
// rider. Static files carry the version in their address, so a kept one is never stale.
const PAGES = "noriai-pages";
const FILES = `noriai-files-${new URL(location).searchParams.get("v")}`;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(page(request));
  else if (url.pathname.startsWith("/static/")) event.respondWith(file(request));
});

async function takeOver() {
  const old = (await caches.keys()).filter((name) => name !== PAGES && name !== FILES);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function page(request) {
  const kept = await caches.open(PAGES);
  try {
    const answer = await fetch(request);
    const isDriving = new URL(request.url).pathname.startsWith("/drive");
    if (isDriving && answer.ok && !answer.redirected) await kept.put(request, answer.clone());
    else if (answer.status === 404) await kept.delete(request, { ignoreVary: true }); // theirs no more: nor is what was kept
    return answer;
  } catch {
    const last = (await kept.keys()).at(-1);
    return (await kept.match(request, { ignoreVary: true })) ?? (last ? Response.redirect(last.url) : Response.error());
  }
}

async function file(request) {
  const kept = await caches.open(FILES);
  const found = await kept.match(request, { ignoreVary: true });
  if (found) return found;
  const answer = await fetch(request);
  if (answer.status === 200) await kept.put(request, answer.clone());
  return answer;
}
