// Driver events survive a dead connection: kept on the device, sent in their order, each counted once by its event_id.
import { soundChanges } from "./alert.js";
import { checkRiders } from "./check.js";
import { EVENTS, REFUSED, add, list, refuse, remove } from "./device.js";
import { follow, previous, wordsOf } from "./roll-call.js";
import { keepPages, serveOffline } from "./pages.js";

const line = document.querySelector("[data-connection]");
const words = JSON.parse(line.dataset.words);
const { owner } = line.dataset;
const CONFLICTS = [403, 404, 409, 410, 422];
const RETRY = 5_000;
const TOO_LONG = 20_000;
const OLD = 48 * 3_600_000;
let sending = false;

document.addEventListener("submit", async (submit) => {
  const form = submit.target.closest("form[data-event]");
  if (!form) return;
  submit.preventDefault();
  try {
    await keep(form, submit.submitter);
  } catch {
    return HTMLFormElement.prototype.submit.call(plain(form, submit.submitter)); // no storage here: as a plain form
  }
  await send();
});
document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-put-away]");
  if (!button) return;
  await remove(REFUSED, Number(button.dataset.putAway));
  await show();
});
addEventListener("online", send);
addEventListener("offline", () => show("offline"));
document.addEventListener("visibilitychange", send);
document.addEventListener("htmx:after:swap", async () => { await show(line.dataset.state); keepPages(line); });
checkRiders(words);
soundChanges();
setInterval(send, RETRY);
await show(navigator.onLine ? "online" : "offline");
await send();
await serveOffline(line);

async function keep(form, submitter) {
  const data = new FormData(form, submitter);
  data.delete("csrf_token");
  const fields = Object.fromEntries([...data.keys()].map((name) => [name, data.getAll(name).join(",")]));
  const run = document.querySelector("[data-roll-call]").dataset.rollCall;
  Object.assign(fields, { event_id: uuid(), device_time: new Date().toISOString(), was: previous(fields) });
  await add(EVENTS, { owner, run, ticket: line.dataset.ticket, url: form.action, fields, said: wordsOf(fields) });
  form.querySelector("textarea")?.form.reset();
  await show(line.dataset.state);
}

/** Give a form the field of the button that was pressed: `submit()` itself sends no button. */
function plain(form, button) {
  const field = Object.assign(document.createElement("input"), { type: "hidden", name: button.name, value: button.value });
  form.append(field);
  return form;
}

/** Send what waits, of every driver of this device under the name of who tapped it, until one cannot be sent. */
async function send() {
  if (sending) return;
  sending = true;
  let [state, sent] = ["online", false];
  const shut = new Set();
  for (const event of await list(EVENTS)) {
    if (shut.has(event.owner)) continue; // what somebody tapped keeps its order
    const { outcome, reason } = await post(event);
    if (outcome === "offline") {
      state = outcome;
      break;
    }
    if (outcome === "signin") {
      if (event.owner === owner) state = outcome;
      shut.add(event.owner);
      continue;
    }
    if (outcome === "refused") await refuse(event, reason);
    else await remove(EVENTS, event.id);
    sent = true;
  }
  sending = false;
  await show(navigator.onLine ? state : "offline");
  if (sent) refresh();
}

/** Post one event and say what came of it: online (recorded), refused with a reason, offline, or signin. */
async function post(event, again = true) {
  const headers = { Accept: "application/json", "X-CSRFToken": line.dataset.csrf };
  const ticket = event.owner === owner ? line.dataset.ticket : (event.ticket ?? "");
  const fields = { ...event.fields, ticket, device_now: new Date().toISOString() };
  try {
    const signal = AbortSignal.timeout(TOO_LONG);
    const request = { method: "POST", headers, body: new URLSearchParams(fields), redirect: "manual", signal };
    const answer = await fetch(event.url, request);
    if (answer.ok) return { outcome: "online" };
    if (answer.status === 400 && again && (await renewToken())) return post(event, false);
    if (CONFLICTS.includes(answer.status) || (answer.status === 401 && isOld(event))) {
      return { outcome: "refused", reason: (await answer.json().catch(() => ({}))).reason ?? "" };
    }
    return { outcome: answer.status < 500 && answer.status !== 429 ? "signin" : "offline" };
  } catch {
    return { outcome: "offline" };
  }
}

/** Is an entry so old that nobody's word for it is taken any more? */
const isOld = ({ fields }) => Date.now() - Date.parse(fields.device_time) > OLD;

/** A kept page may bear the token of a session that has ended: take that of the page as it is now. */
async function renewToken() {
  const page = await fetch(location.href, { headers: { "Cache-Control": "no-cache" } });
  const found = new DOMParser().parseFromString(await page.text(), "text/html").querySelector("[data-csrf]");
  if (found) line.dataset.csrf = found.dataset.csrf;
  return Boolean(found);
}

/** Say how things stand, and let the page follow what was tapped but is not sent yet. */
async function show(state) {
  const [waiting, refused] = await Promise.all([list(EVENTS), list(REFUSED)]);
  const own = waiting.filter((event) => event.owner === owner);
  const said = state === "online" && waiting.length ? "sending" : state === "refused" || !state ? "online" : state;
  const shown = refused.length && said === "online" ? "refused" : said;
  const of = !own.length && waiting.length ? [words.others, waiting.length] : [words[shown], own.length];
  const sentence = of[0].replace("{count}", of[1]);
  line.dataset.state = shown === "refused" ? "refused" : said;
  if (line.textContent !== sentence) line.textContent = sentence;
  showRefused(refused);
  follow(own);
}

function showRefused(entries) {
  const section = document.getElementById("refused");
  if (!section) return;
  section.hidden = !entries.length;
  section.querySelector("ul").replaceChildren(...entries.map((entry) => {
    const item = document.getElementById("refused-entry").content.cloneNode(true);
    item.querySelector(".riders__name").textContent = entry.owner === owner ? entry.said : words.other;
    item.querySelector(".refused__why").textContent = entry.reason;
    item.querySelector("[data-put-away]").dataset.putAway = entry.id;
    return item;
  }));
}

function refresh() {
  if (document.querySelector("[data-hx-get]")) document.body.dispatchEvent(new Event("sent"));
}

/** Make a random UUID; crypto.randomUUID itself is missing where the site is not served over HTTPS. */
function uuid() {
  const digit = (place) => (place ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (place / 4)))).toString(16);
  return "10000000-1000-4000-8000-100000000000".replace(/[018]/g, digit);
}
