// Asks for the API key, in one dialog for all requests that were rejected meanwhile.
import {key} from "./api.js";
import {element} from "./element.js";

let open = null;

/** Resolves to whether the reader entered a key. `reason` is the server's message. */
export function askForKey(reason) {
  open ??= ask(reason).finally(() => {
    open = null;
  });
  return open;
}

function ask(reason) {
  const before = document.activeElement;
  const {promise, resolve} = Promise.withResolvers();
  // A header field cannot contain other characters; the browser would not send the request.
  const check = () =>
    input.setCustomValidity(
      /^[\x20-\x7e]*$/.test(input.value.trim()) ? "" : "An API key consists of ASCII characters.",
    );
  const input = element("input", {
    id: "key",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    oninput: check,
  });
  const form = element(
    "form",
    {
      method: "dialog",
      onsubmit: (event) => {
        event.preventDefault();
        key.set(input.value.trim());
        dialog.close("given");
      },
    },
    element("h2", {id: "key-title"}, "This server requires an API key"),
    element("p", {class: "quiet"}, reason),
    element("label", {for: "key"}, "API key"),
    input,
    element("p", {class: "quiet"}, "The key stays in this tab until you close it."),
    element(
      "div",
      {class: "row"},
      element("button", {type: "button", onclick: () => dialog.close("")}, "Not now"),
      element("button", {type: "submit", class: "primary"}, "Use this key"),
    ),
  );
  const dialog = element(
    "dialog",
    {
      "aria-labelledby": "key-title",
      onclose: () => {
        dialog.remove();
        if (before?.isConnected) before.focus();
        resolve(dialog.returnValue === "given");
      },
    },
    form,
  );
  document.body.append(dialog);
  dialog.showModal();
  input.focus();
  return promise;
}
