// Counts the alerts in the title, and sounds for a new one where the dispatcher has switched that on, on this device.
const KEPT = "noriai-alert-sound";
const place = document.querySelector("[data-alerts]");
const button = place.querySelector("button");
const words = JSON.parse(place.dataset.words);
let known = read();
let sound = localStorage.getItem(KEPT) === "on";
let speaker;

place.hidden = false;
show();

button.addEventListener("click", () => {
  sound = !sound;
  localStorage.setItem(KEPT, sound ? "on" : "off");
  show();
  if (sound) beep(); // heard at once, and the browser lets a page sound only after a click
});

// Nobody wants a form to change under their hands while they write a note.
document.addEventListener("htmx:before:request", (event) => {
  if (document.querySelector(".alert__more[open]")) event.preventDefault();
});

document.addEventListener("htmx:after:swap", () => {
  const now = read();
  if (sound && [...now].some((key) => !known.has(key))) beep();
  known = now;
  const count = document.querySelector("[data-alert-keys]").dataset.count;
  document.title = document.title.replace(/\(\d+\)/, `(${count})`);
  const entry = document.querySelector('.site-nav [aria-current="page"]');
  if (entry) entry.textContent = entry.textContent.replace(/\(\d+\)/, `(${count})`);
});

function read() {
  return new Set(document.querySelector("[data-alert-keys]").dataset.alertKeys.split(" ").filter(Boolean));
}

function show() {
  button.textContent = sound ? words.on : words.off;
}

function beep() {
  speaker ??= new AudioContext();
  const [tone, volume] = [speaker.createOscillator(), speaker.createGain()];
  const now = speaker.currentTime;
  tone.frequency.setValueAtTime(660, now);
  tone.frequency.setValueAtTime(880, now + 0.18);
  volume.gain.setValueAtTime(0.25, now);
  volume.gain.exponentialRampToValueAtTime(0.001, now + 0.5);
  tone.connect(volume).connect(speaker.destination);
  tone.start(now);
  tone.stop(now + 0.5);
}
