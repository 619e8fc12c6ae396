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
    if (!connected) say(line.dataset.online);
    connected = true;
    if (!ctx.response.raw.redirected) return;
    location.reload(); // the session has ended: a sign-in page is no part of this one
    return false;
  },
  htmx_after_swap(part, { ctx }) {
    if (ctx.response?.status === 200) say(part.dataset.message);
  },
  htmx_error() {
    if (connected) say(line.dataset.offline);
    connected = false;
  },
});

/** Announce to eyes and screen readers, anew even when the words are the same. */
function say(words) {
  line.textContent = "";
  requestAnimationFrame(() => (line.textContent = words ?? ""));
}
