// Lets this browser show messages: `[data-push]` holds the town's key, the worker, and where to send the subscription.
const part = document.querySelector("[data-push]");
const [none, refused, button] = ["none", "refused", "on"].map((name) => part.querySelector(`[data-push-${name}]`));

if ("PushManager" in window && "serviceWorker" in navigator) {
  none.hidden = true;
  button.hidden = false;
  button.addEventListener("click", () => subscribe().catch(() => (refused.hidden = false)));
}

async function subscribe() {
  refused.hidden = true;
  if ((await Notification.requestPermission()) !== "granted") throw new Error("not allowed");
  const worker = await navigator.serviceWorker.register(part.dataset.worker, { scope: "/messages" });
  const key = Uint8Array.from(atob(part.dataset.key.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
  const made = (await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })).toJSON();
  const body = new URLSearchParams({ csrf_token: part.dataset.csrf, endpoint: made.endpoint, ...made.keys });
  const answer = await fetch(part.dataset.action, { method: "POST", body });
  if (!answer.ok) throw new Error("not kept");
  location.reload();
}
