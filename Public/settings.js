// The mode and the settings of a request. An empty field leaves the choice to the server.

const number = (id) => {
  const input = document.getElementById(id);
  return input.value.trim() === "" || !input.checkValidity() ? undefined : input.valueAsNumber;
};
const mode = () => document.querySelector('input[name="mode"]:checked').value;

/** The request fields for the settings. */
export function requestFields() {
  const bias = number("bias");
  return {
    thinking_mode: mode(),
    think_bias: mode() === "auto" && bias !== 0 ? bias : undefined,
    thinking_budget: mode() === "short" ? undefined : number("budget"),
    temperature: number("temperature"),
    max_completion_tokens: number("limit"),
  };
}

/** Whether a message sends the earlier turns. */
export const remembers = () => document.getElementById("remember").checked;

/** Returns the first setting that is out of bounds, after showing it; null if there is none. */
export function faultySetting() {
  const faulty = document.querySelector(".settings input:invalid");
  if (faulty) {
    document.querySelector(".settings").open = true;
    faulty.reportValidity();
  }
  return faulty;
}

/** Connects the controls. */
export function prepareSettings() {
  const bias = document.getElementById("bias"),
    said = document.getElementById("bias-value");
  const show = () => {
    const value = bias.valueAsNumber;
    const sign = value > 0 ? "+" : value < 0 ? "−" : "";
    const text = value === 0 ? "0" : `${sign}${Math.abs(value)}, ${value > 0 ? "thinks less" : "thinks more"}`;
    said.textContent = text;
    bias.setAttribute("aria-valuetext", text);
    bias.disabled = mode() !== "auto";
    document.getElementById("budget").disabled = mode() === "short";
  };
  bias.addEventListener("input", show);
  for (const radio of document.querySelectorAll('input[name="mode"]')) radio.addEventListener("change", show);
  document.getElementById("reset").addEventListener("click", () => {
    for (const input of document.querySelectorAll(".settings input")) {
      if (input.type === "checkbox") input.checked = input.defaultChecked;
      else input.value = input.defaultValue;
    }
    show();
  });
  const settings = document.querySelector(".settings");
  document.addEventListener("pointerdown", (event) => {
    if (!settings.contains(event.target)) settings.open = false;
  });
  settings.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !settings.open) return;
    event.stopPropagation();
    settings.open = false;
    settings.querySelector("summary").focus();
  });
  show();
}
