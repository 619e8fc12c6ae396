// Keeps `[data-hx-get]` parts of a page fresh: asks with If-None-Match, morphs only what a 200 brings.
import htmx from "../vendor/htmx.esm.min.js";

const line = document.getElementById("live-status");
let connected = true;

htmx.registerExtension("etag", {
  htmx_before_request(part, { ctx }) {
    if (document.hidden) return false;
    if (part.dataset.etag) ctx.request.headers["If-None-Match"] = part.dataset.etag;
  },
  htmx_before_response(part, { ctx }) {
    const { status, redirected } = ctx.response.raw;
    if (status >= 500 || status === 429) return hear(false);
    hear(true);
    if (status === 304) return false; // nothing is new: nothing is swapped, and nobody hears of a swap
    if (status === 200 && !redirected) return;
    location.reload(); // the session has ended, or the page is theirs no more: what says so is no part of this page
    return false;
  },
  htmx_after_swap(part) {
    say(part.dataset.message);
  },
  htmx_error() {
    hear(false);
  },
});

/** Say once that the town is out of reach, and once that it is back; what the page shows stays as it is. */
function hear(answered) {
  if (answered !== connected) say(answered ? line.dataset.online : line.dataset.offline);
  connected = answered;
  return false;
}

/** Announce to eyes and screen readers, anew even when the words are the same. */
function say(words) {
  line.textContent = "";
  requestAnimationFrame(() => (line.textContent = words ?? ""));
}
