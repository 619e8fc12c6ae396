// Keeps the driver's pages on the device, so that a run can be driven from its first stop to its last without a connection.
const PAGES = "noriai-pages";
const EVERY = 60_000;
const keptAt = new Map();

export async function serveOffline(line) {
  if (!line.dataset.owner && "caches" in window) await caches.delete(PAGES); // nobody is signed in: nobody's names stay
  if (!navigator.serviceWorker) return;
  await navigator.serviceWorker.register(line.dataset.serviceWorker);
  await navigator.serviceWorker.ready;
  if (!navigator.serviceWorker.controller) {
    await new Promise((taken) => navigator.serviceWorker.addEventListener("controllerchange", taken, { once: true }));
  }
  if (!line.dataset.owner) return;
  await Promise.all(JSON.parse(line.dataset.files).map((url) => fetch(url).catch(() => null)));
  await keepPages(line);
}

/** Keep this page and those that it names: the worker was not there yet when it was opened. */
export async function keepPages(line) {
  if (!("caches" in window) || !navigator.onLine || !line.dataset.owner) return;
  for (const url of [location.href, ...JSON.parse(line.dataset.keep)]) await keep(new URL(url, location).href);
  line.dataset.kept = "yes";
}

async function keep(url) {
  if (url !== location.href && Date.now() - (keptAt.get(url) ?? 0) < EVERY) return;
  keptAt.set(url, Date.now());
  const page = await fetch(url).catch(() => null);
  if (page?.ok && !page.redirected) await (await caches.open(PAGES)).put(url, page);
}
