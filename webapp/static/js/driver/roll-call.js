// Lets the manifest follow taps that were not sent yet: states, counts, the next stop, and what is left open.
const RIDE = ["boarded", "no_show", "alighted"];
const STOP = ["arrived", "departed"];
const OPEN = { boarding: ["expected"], alighting: ["boarded"] };

const root = () => document.querySelector("[data-roll-call]");
const riders = (ride) => root().querySelectorAll(`[data-ride="${CSS.escape(ride)}"]`);
const stopOf = (stop) => root().querySelector(`[data-stop="${CSS.escape(stop)}"]`);

/** Give the state that the device showed of a rider before this tap. */
export function previous({ kind, ride }) {
  return RIDE.includes(kind) ? (riders(ride)[0]?.dataset.state ?? "") : "";
}

/** Say what was tapped, as the driver would. */
export function wordsOf({ kind, ride, stop }) {
  const label = JSON.parse(root().dataset.kinds)[kind] ?? kind;
  const name = ride ? [...riders(ride)].find((one) => one.dataset.name)?.dataset.name : stop && placeOf(stop);
  return name ? `${label} · ${name}` : label;
}

const placeOf = (stop) => stopOf(stop)?.querySelector(".driver-stop__title").textContent.trim().replace(/\s+/g, " ");

/** Show the manifest as it is with what waits to be sent, in the order in which it was tapped. */
export function follow(waiting) {
  if (!root()) return;
  if ("closed" in root().dataset) return write(root().dataset.aboard, root().dataset.expected);
  const events = waiting.filter((event) => event.run === root().dataset.rollCall).map((event) => ({ ...event.fields, said: event.said }));
  const undone = new Set(events.filter((event) => event.kind === "undone").map((event) => event.about));
  const taps = events.filter((event) => [...RIDE, ...STOP].includes(event.kind) && !undone.has(event.event_id));
  restore(undone);
  for (const tap of taps) play(tap);
  const stops = pass();
  mark(taps, events);
  arrange(stops, events.some((event) => event.kind === "closed"));
  offerUndo(taps, undone);
  const read = events.filter((event) => event.kind === "acknowledged").map((event) => Number(event.revision));
  const changes = document.getElementById("changes");
  if (changes) changes.hidden = Math.max(-1, ...read) >= Number(changes.dataset.revision);
}

function restore(undone) {
  for (const one of root().querySelectorAll("[data-was]")) one.dataset.state = one.dataset.was;
  const last = lastSent();
  if (!last || !undone.has(last.id)) return;
  if (last.ride) for (const one of riders(last.ride)) one.dataset.state = last.before;
  else if (stopOf(last.stop)) reopen(stopOf(last.stop), last.before);
}

/** Open a stop again that was left by mistake; what was only passed on the way to it is passed still. */
function reopen(stop, before) {
  stop.dataset.state = before;
}

function play({ kind, ride, stop }) {
  if (STOP.includes(kind)) {
    const at = stopOf(stop);
    if (at && at.dataset.state !== "departed") at.dataset.state = kind;
    return;
  }
  for (const one of riders(ride)) one.dataset.state = kind;
  const at = stopOf(stop);
  if (at) at.dataset.reached = "";
}

/** A stop is behind once the vehicle was at a later one. Give all stops in their order. */
function pass() {
  const stops = [...root().querySelectorAll("[data-stop]")].sort((a, b) => a.dataset.at - b.dataset.at);
  const farthest = stops.findLastIndex((one) => one.dataset.state !== "ahead" || "reached" in one.dataset);
  for (const [at, one] of stops.entries()) {
    if (at < farthest) one.dataset.state = "departed";
    delete one.dataset.reached;
  }
  return stops;
}

function mark(taps, events) {
  for (const one of root().querySelectorAll(".is-waiting")) one.classList.remove("is-waiting");
  for (const { kind, ride, stop } of taps) {
    const ways = `.rider[data-ride="${CSS.escape(ride ?? "")}"][data-way="${kind === "alighted" ? "alighting" : "boarding"}"]`;
    const all = RIDE.includes(kind) ? root().querySelectorAll(ways) : [stopOf(stop)];
    for (const one of all) one?.classList.add("is-waiting");
  }
  for (const button of root().querySelectorAll("form[data-event] button")) {
    const { kind, ride } = { kind: button.value, ride: button.form.elements.ride?.value ?? "" };
    button.disabled = ["call", "closed"].includes(kind) && events.some((event) => event.kind === kind && (event.ride ?? "") === ride);
  }
}

function arrange(stops, isClosing) {
  const next = stops.find((one) => one.dataset.state !== "departed");
  const [now, later, done] = ["now-stop", "later-stops", "done-stops"].map((id) => document.getElementById(id));
  for (const one of stops) {
    const home = one === next ? now : one.dataset.state === "departed" ? done : later;
    put(one, home, home === now ? "next" : home === later ? "later" : "done");
  }
  sortIn(later);
  sortIn(done);
  for (const [home, has] of [[now, next], [later, later.querySelector("[data-stop]")], [done, done.querySelector("[data-stop]")]]) {
    home.hidden = !has;
  }
  const open = listOpen(stops);
  count();
  const anybody = [...root().querySelectorAll('.rider[data-way="boarding"]')].some((one) => ["expected", "boarded"].includes(one.dataset.state));
  const [closing, still] = [document.getElementById("closing"), document.getElementById("still-open")];
  if (closing) closing.hidden = Boolean(next) || anybody || open;
  if (still) still.hidden = Boolean(next) || !anybody;
  closing?.classList.toggle("is-waiting", isClosing);
}

function put(stop, home, when) {
  if (stop.parentElement !== home) {
    const focused = stop.contains(document.activeElement) ? document.activeElement : null;
    home.append(stop);
    focused?.focus();
  }
  const wasNext = stop.classList.contains("driver-stop--next");
  stop.className = `driver-stop driver-stop--${when}${stop.classList.contains("is-waiting") ? " is-waiting" : ""}`;
  const actions = stop.querySelector(".driver-stop__actions");
  if (actions && wasNext !== (when === "next")) actions.open = when === "next";
}

function sortIn(home) {
  const inside = [...home.querySelectorAll(":scope > [data-stop]")];
  const sorted = inside.toSorted((a, b) => a.dataset.at - b.dataset.at);
  if (sorted.some((one, at) => one !== inside[at])) home.append(...sorted);
}

/** List those left open at stops that are behind, with their buttons; tell whether there are any. */
function listOpen(stops) {
  const section = document.getElementById("left-open");
  const behind = stops.filter((one) => one.dataset.state === "departed");
  const open = behind.flatMap((stop) => [...stop.querySelectorAll(".rider[data-way]")]).filter((one) => OPEN[one.dataset.way].includes(one.dataset.state));
  const shown = [...section.querySelectorAll(".rider")];
  const same = shown.length === open.length && shown.every((one, at) => one.dataset.ride === open[at].dataset.ride && one.dataset.state === open[at].dataset.state);
  if (!same) section.querySelector("ul").replaceChildren(...open.map(copy));
  section.hidden = !open.length;
  return open.length > 0;
}

function copy(rider) {
  const made = rider.cloneNode(true);
  for (const more of made.querySelectorAll("details")) more.remove();
  return made;
}

function count() {
  const people = new Map();
  for (const one of root().querySelectorAll('[data-stop] .rider[data-way="boarding"]')) people.set(one.dataset.ride, one.dataset);
  const sum = (counts) => [...people.values()].filter(counts).reduce((total, one) => total + Number(one.people), 0);
  const aboard = sum((one) => one.state === "boarded");
  const expected = sum((one) => one.state !== "no_show");
  write(aboard, expected);
}

function write(aboard, expected) {
  const [shown, of] = ["aboard", "expected"].map((name) => document.querySelector(`[data-count="${name}"]`));
  if (shown.textContent !== String(aboard)) shown.textContent = aboard;
  const sentence = of.dataset.said.replace("{n}", expected);
  if (of.textContent !== sentence) of.textContent = sentence;
}

const lastSent = () => (root().dataset.last ? JSON.parse(root().dataset.last) : null);

/** Offer to take the last tap back: one that waits, else the last that was sent. */
function offerUndo(taps, undone) {
  const form = document.getElementById("undo");
  if (!form) return;
  const sent = lastSent();
  const last = taps.at(-1) ?? (sent && !undone.has(sent.id) ? { ...sent, event_id: sent.id, said: wordsOf(sent) } : null);
  form.hidden = !last;
  if (!last) return;
  form.elements.about.value = last.event_id;
  form.querySelector(".undo__what").textContent = last.said;
}
