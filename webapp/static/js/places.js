// Lists places while a name is being written (WAI-ARIA combobox); without it the same form searches when it is sent.
const PAUSE = 150;
const SHORTEST = 2;

for (const asking of document.querySelectorAll("[data-suggestions]")) complete(asking);

// A form asks for one place and is sent with it; a field of a longer form keeps what was chosen in the fields beside it.
function complete(asking) {
  const field = asking.matches("input") ? asking : asking.elements.text;
  const { form } = field;
  const list = make("ul", { id: `places-found-${field.id}`, role: "listbox", hidden: true, className: "suggestions" });
  const said = make("p", { className: "visually-hidden" });
  const help = make("p", { id: `places-help-${field.id}`, className: "visually-hidden", textContent: asking.dataset.help });
  let [pause, request, chosen] = [0, new AbortController(), -1];

  said.setAttribute("role", "status");
  list.setAttribute("aria-label", asking.dataset.label);
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id })) {
    field.setAttribute(name, value);
  }
  field.setAttribute("aria-describedby", [field.getAttribute("aria-describedby"), help.id].filter(Boolean).join(" "));
  field.after(list, said, help);
  close();

  field.addEventListener("input", () => {
    clearTimeout(pause);
    request.abort();
    if (field.value.trim().length < SHORTEST && !/[^\x00-\u1fff]/.test(field.value)) return close(); // 駅 is a whole word
    pause = setTimeout(ask, PAUSE);
  });
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return; // these keys choose among kanji now
    const keys = {
      ArrowDown: () => move(1), ArrowUp: () => move(-1), Enter: () => chosen >= 0 && take(chosen), Escape: escape, Tab: close,
    };
    if (keys[event.key]?.() ?? false) event.preventDefault();
  });
  document.addEventListener("click", ({ target }) => (field === asking ? field.parentElement : form).contains(target) || close()); // earlier, what is pressed would move
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus until a choice is made
  list.addEventListener("click", ({ target }) => {
    const option = target.closest("[role=option]");
    if (option) take([...list.children].indexOf(option));
  });

  async function ask() {
    request = new AbortController();
    const { signal } = request;
    const headers = { "X-CSRFToken": form.elements.csrf_token.value };
    try {
      const body = new URLSearchParams({ text: field.value });
      const answer = await fetch(asking.dataset.suggestions, { method: "POST", headers, body, signal, redirect: "error" });
      if (!answer.ok) return close();
      const { options, count } = await answer.json();
      if (!signal.aborted) show(options, count);
    } catch {
      if (!signal.aborted) close(); // the form itself still searches
    }
  }

  function show(options, count) {
    list.replaceChildren(...options.map((option, k) => asOption(option, `${list.id}-${k}`)));
    choose(-1);
    list.hidden = !options.length;
    field.setAttribute("aria-expanded", String(!list.hidden));
    said.textContent = count;
  }

  function close() {
    clearTimeout(pause);
    request.abort();
    show([], "");
  }

  function escape() {
    if (list.hidden) return false;
    close();
    return true;
  }

  function move(step) {
    if (list.hidden) return false;
    const count = list.children.length;
    choose(chosen < 0 ? (step > 0 ? 0 : count - 1) : (chosen + step + count) % count);
    return true;
  }

  function choose(index) {
    chosen = index;
    for (const [k, option] of [...list.children].entries()) option.setAttribute("aria-selected", String(k === index));
    if (index < 0) return field.removeAttribute("aria-activedescendant");
    field.setAttribute("aria-activedescendant", list.children[index].id);
    list.children[index].scrollIntoView({ block: "nearest" });
  }

  function take(index) {
    const { token, name } = list.children[index].dataset;
    field.value = name;
    if (field === asking) {
      form.elements[`${field.name}_place`].value = token;
      form.elements[`${field.name}_name`].value = name;
      close();
      return true;
    }
    const button = make("button", { name: "place", value: token, hidden: true });
    form.append(button);
    form.requestSubmit(button);
    button.remove(); // who comes back to this page searches anew
    close();
    return true;
  }
}

function asOption({ token, name, hint }, id) {
  const option = make("li", { id, className: "suggestions__place", textContent: name });
  option.setAttribute("role", "option");
  Object.assign(option.dataset, { token, name });
  if (hint) option.append(" ", make("span", { className: "hint", textContent: hint }));
  return option;
}

function make(tag, { role, ...properties }) {
  const made = Object.assign(document.createElement(tag), properties);
  if (role) made.setAttribute("role", role);
  return made;
}
