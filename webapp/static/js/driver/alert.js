// Sounds and shakes while there is something new that the driver has not read. Browsers want a first tap before a sound.
const AGAIN = 20_000;
const NOTES = [660, 880, 660, 880];
const SHAKE = [300, 120, 300, 120, 600];
let audio = null;
let heard = 0;

export function soundChanges() {
  const button = document.querySelector("[data-sound]");
  if (!button) return;
  button.closest("[hidden]").hidden = false;
  addEventListener("pointerdown", () => switchOn(button));
  addEventListener("keydown", () => switchOn(button));
  button.addEventListener("click", play);
  document.addEventListener("htmx:after:swap", call);
  setInterval(call, 1_000);
}

function switchOn(button) {
  audio ??= new AudioContext();
  audio.resume();
  button.setAttribute("aria-pressed", "true");
  button.textContent = button.dataset.on;
}

/** Call for what is new at once, and again until it was read. */
function call() {
  const changes = document.getElementById("changes");
  if (!changes || changes.hidden) {
    heard = 0;
    return;
  }
  if (Date.now() - heard < AGAIN) return;
  heard = Date.now();
  document.documentElement.dataset.called = changes.dataset.revision;
  navigator.vibrate?.(SHAKE);
  play();
}

function play() {
  if (audio?.state !== "running") return;
  for (const [at, pitch] of NOTES.entries()) {
    const begin = audio.currentTime + at * 0.22;
    const [tone, volume] = [audio.createOscillator(), audio.createGain()];
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.0001, begin);
    volume.gain.exponentialRampToValueAtTime(0.6, begin + 0.03);
    volume.gain.exponentialRampToValueAtTime(0.0001, begin + 0.2);
    tone.connect(volume).connect(audio.destination);
    tone.start(begin);
    tone.stop(begin + 0.22);
  }
}
