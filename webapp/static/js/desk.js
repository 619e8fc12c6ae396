// Keys of the phone desk: inside of a numbered group its digits and letters press its buttons, and ? shows the list of
// keys. They work only while the focus is there (WCAG 2.1.4), so that nobody who dictates or mistypes presses one.
const TYPING = "input:not([type=checkbox], [type=radio]), select, textarea";

// With Alt, a key works anywhere, as the attribute accesskey says: browsers themselves ask for other keys beside it.
document.addEventListener("keydown", (event) => {
  if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.isComposing) return;
  const one = document.querySelector(`[accesskey="${CSS.escape(event.key.toLowerCase())}"]`);
  if (!one) return;
  event.preventDefault();
  one.focus();
  if (!one.matches(TYPING)) one.click();
});

document.addEventListener("keydown", (event) => {
  const focus = document.activeElement;
  if (event.altKey || event.ctrlKey || event.metaKey || event.isComposing || focus.matches(TYPING)) return;
  const group = focus.closest("[data-numbered], [data-keys]");
  if (!group) return;
  const key = event.key.normalize("NFKC");
  const pressed = key === "?" ? null : group.querySelector(`[data-digit="${CSS.escape(key.toLowerCase())}"]`);
  if (!pressed && key !== "?") return;
  event.preventDefault();
  if (pressed) return pressed.click();
  const keys = document.querySelector("[data-keys]");
  keys.open = !keys.open;
  if (keys.open) keys.querySelector("summary").focus();
});
