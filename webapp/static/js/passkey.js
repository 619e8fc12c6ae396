// Makes or shows a passkey: `form[data-passkey]` says which ("create", "get"), and where what the browser needs comes from.
const forms = document.querySelectorAll("form[data-passkey]");

if (window.PublicKeyCredential) {
  for (const none of document.querySelectorAll("[data-passkey-none]")) none.hidden = true;
  for (const form of forms) {
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      answer(form);
    });
  }
}

async function answer(form) {
  const refused = form.querySelector("[data-passkey-refused]");
  const button = form.querySelector("button");
  refused.hidden = true;
  button.disabled = true;
  try {
    const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value });
    const asked = await fetch(form.dataset.options, { method: "POST", body });
    if (!asked.ok || asked.redirected) throw new Error("no options");
    const said = await asked.json();
    const made =
      form.dataset.passkey === "create"
        ? await navigator.credentials.create({ publicKey: creation(said) })
        : await navigator.credentials.get({ publicKey: { ...said, challenge: bytes(said.challenge) } });
    form.elements.credential.value = JSON.stringify(written(made));
    form.submit();
  } catch {
    refused.hidden = false;
    button.disabled = false;
    refused.focus();
  }
}

function creation(said) {
  return {
    ...said,
    challenge: bytes(said.challenge),
    user: { ...said.user, id: bytes(said.user.id) },
    excludeCredentials: (said.excludeCredentials ?? []).map((one) => ({ ...one, id: bytes(one.id) })),
  };
}

function written({ id, rawId, type, response }) {
  const said = { clientDataJSON: text(response.clientDataJSON) };
  if (response.attestationObject) {
    said.attestationObject = text(response.attestationObject);
    said.transports = response.getTransports?.() ?? [];
  } else {
    said.authenticatorData = text(response.authenticatorData);
    said.signature = text(response.signature);
    if (response.userHandle) said.userHandle = text(response.userHandle);
  }
  return { id, rawId: text(rawId), type, response: said, clientExtensionResults: {} };
}

function bytes(said) {
  return Uint8Array.from(atob(said.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
}

function text(buffer) {
  const signs = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(signs).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
