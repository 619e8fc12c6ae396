// Loads what a page asks for by its attributes; a page without these attributes needs no script at all.
const islands = {
  "[data-map]": "./map.js",
  "[data-hx-get]": "./live.js",
  "[data-connection]": "./driver/main.js",
  "[data-suggestions]": "./places.js",
  "[data-pin]": "./pin.js",
  "[data-push]": "./push.js",
  "[data-keys]": "./desk.js",
  "[data-alerts]": "./alerts.js",
  "[data-passkey]": "./passkey.js",
};

for (const [selector, island] of Object.entries(islands)) {
  if (document.querySelector(selector)) import(island);
}

// Kept pages name riders: nobody may read them on a shared phone after the driver has signed out.
document.addEventListener("submit", ({ target }) => {
  if (target.matches("[data-sign-out]") && "caches" in window) caches.delete("noriai-pages");
});
