// Checks what residents say or show, also without a connection: against salted hashes that the page carries.
const LOOK_EVERY = 250;

export function checkRiders(words) {
  document.addEventListener("submit", async (submit) => {
    const form = submit.target.closest("form[data-check]");
    if (!form || !crypto.subtle) return;
    submit.preventDefault();
    await check(form, form.elements.said.value, words);
  });
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-scan]");
    if (button) scan(button.form, words);
  });
  const offer = () => {
    if (!("BarcodeDetector" in window)) return;
    for (const button of document.querySelectorAll("[data-scan]")) button.hidden = false;
  };
  document.addEventListener("htmx:after:swap", offer);
  offer();
}

async function check(form, said, words) {
  const ride = await find(said.normalize("NFKC").replace(/\s/g, ""), form.dataset.check);
  const answer = form.querySelector(".check__answer");
  const rider = (of) => document.querySelector(`.rider[data-ride="${CSS.escape(of)}"][data-name]`)?.dataset ?? {};
  const name = (of) => rider(of).name ?? "";
  const used = ride && rider(ride).state === "boarded"; // shown before, so by somebody else
  answer.dataset.right = ride === form.dataset.check && !used ? "yes" : "no";
  const sentence = used ? words.aboard : ride ? words.right : form.dataset.scanned ? words.stranger : words.wrong;
  answer.textContent = sentence.replace("{name}", name(ride ?? form.dataset.check));
  if (ride && ride !== form.dataset.check) answer.dataset.right = "other";
}

/** Find whose PIN or picture this is: the PIN of the rider that is meant alone, a picture of anybody on the run. */
async function find(said, wanted) {
  const checks = JSON.parse(document.querySelector("[data-roll-call]").dataset.checks);
  for (const [ride, [salt, pin, token]] of Object.entries(checks)) {
    const hash = await digest(`${salt}:${said}`);
    if (hash === token || (ride === wanted && hash === pin)) return ride;
  }
  return null;
}

async function digest(text) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Look through the camera until a picture is read, or the button is pressed again. */
async function scan(form, words) {
  const video = form.querySelector("video");
  if (video.srcObject) return stop(video);
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    form.elements.said.focus(); // no camera, or none that may be used: the number can be typed
    return;
  }
  video.hidden = false;
  await video.play();
  const detector = new BarcodeDetector({ formats: ["qr_code"] });
  while (video.srcObject && video.isConnected) {
    const [found] = await detector.detect(video).catch(() => []);
    if (found) {
      stop(video);
      form.dataset.scanned = "yes";
      return check(form, found.rawValue.split(/[/#=]/).at(-1), words);
    }
    await new Promise((later) => setTimeout(later, LOOK_EVERY));
  }
}

function stop(video) {
  for (const track of video.srcObject.getTracks()) track.stop();
  video.srcObject = null;
  video.hidden = true;
}
