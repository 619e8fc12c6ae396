// Driver events survive a dead connection: kept on the device, sent in their order, each counted once by its event_id.
const line = document.querySelector("[data-connection]");
const words = JSON.parse(line.dataset.words);
const owner = line.dataset.owner;
const PAGES = "noriai-pages";
const REFUSED = [404, 409, 410, 422];
const RETRY = 5_000;
let sending = false;

document.addEventListener("submit", async (submit) => {
  const form = submit.target.closest("form[data-event]");
  if (!form) return;
  submit.preventDefault();
  try {
    await keep(form, submit.submitter);
  } catch {
    return form.submit(); // no storage on this device: then at least as a plain form
  }
  await send();
});
addEventListener("online", send);
addEventListener("offline", () => show("offline"));
document.addEventListener("visibilitychange", send);
document.addEventListener("htmx:after:swap", () => { mark(); keepPage(); });
setInterval(send, RETRY);
await send();
await serveOffline();

async function keep(form, submitter) {
  const fields = Object.fromEntries(new FormData(form, submitter));
  delete fields.csrf_token;
  Object.assign(fields, { event_id: uuid(), device_time: new Date().toISOString() });
  await store("readwrite", (events) => events.add({ owner, key: form.dataset.event, url: form.action, fields }));
  await mark();
}

async function send() {
  if (sending) return;
  sending = true;
  let [state, sent] = ["online", false];
  for (const event of await waiting()) {
    const outcome = await post(event);
    if (outcome !== "online") state = outcome;
    if (outcome === "offline" || outcome === "signin") break;
    await store("readwrite", (events) => events.delete(event.id));
    sent = true;
  }
  sending = false;
  await show(navigator.onLine ? state : "offline");
  await mark();
  if (sent) refresh();
}

/** Post one event and say what came of it: online (recorded), refused, offline, or signin. */
async function post({ url, fields }) {
  const headers = { Accept: "application/json", "X-CSRFToken": line.dataset.csrf };
  try {
    const request = { method: "POST", headers, body: new URLSearchParams(fields), redirect: "manual" };
    const { ok, status } = await fetch(url, request);
    if (ok) return "online";
    if (REFUSED.includes(status)) return "refused";
    return status < 500 ? "signin" : "offline";
  } catch {
    return "offline";
  }
}

async function show(state) {
  const count = (await waiting()).length;
  if (state === "online" && line.dataset.state === "refused" && !count) return; // stays until the page is left
  const sentence = words[state === "online" && count ? "sending" : state].replace("{count}", count);
  line.dataset.state = state;
  if (line.textContent !== sentence) line.textContent = sentence;
}

/** Show on its button that an event is already kept, also after the page was reloaded without a connection. */
async function mark() {
  const keys = new Set((await waiting()).map((event) => event.key));
  for (const form of document.querySelectorAll("form[data-event]")) {
    form.classList.toggle("is-waiting", keys.has(form.dataset.event));
    for (const button of form.querySelectorAll("button")) button.disabled = keys.has(form.dataset.event);
  }
}

function refresh() {
  if (document.querySelector("[data-hx-get]")) document.body.dispatchEvent(new Event("sent"));
  else location.reload();
}

async function waiting() {
  const events = await store("readonly", (all) => all.getAll());
  return events.filter((event) => event.owner === owner);
}

function store(mode, work) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("noriai", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("events", { keyPath: "id", autoIncrement: true });
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const transaction = opening.result.transaction("events", mode);
      const request = work(transaction.objectStore("events"));
      transaction.oncomplete = () => { opening.result.close(); resolve(request.result); };
      transaction.onabort = () => reject(transaction.error);
    };
  });
}

async function serveOffline() {
  if (!navigator.serviceWorker) return;
  await navigator.serviceWorker.register(line.dataset.serviceWorker);
  await navigator.serviceWorker.ready;
  await keepPage();
}

/** Keep this page and what it loaded: the worker was not there yet when it was opened, and live parts have changed. */
async function keepPage() {
  if (!("caches" in window) || !navigator.onLine) return;
  const files = performance.getEntriesByType("resource").map((entry) => entry.name);
  for (const url of new Set(files.filter((name) => name.startsWith(line.dataset.static)))) fetch(url);
  const page = await fetch(location.href).catch(() => null);
  if (page?.ok && !page.redirected) await (await caches.open(PAGES)).put(location.href, page);
}

/** Make a random UUID; crypto.randomUUID itself is missing where the site is not served over HTTPS. */
function uuid() {
  const digit = (place) => (place ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (place / 4)))).toString(16);
  return "10000000-1000-4000-8000-100000000000".replace(/[018]/g, digit);
}
