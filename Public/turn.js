// One turn on the page: the question with its images and the reply; editing, asking again, copying.
import {element} from "./element.js";
import {ReplyView} from "./reply.js";

/** The view of a turn. `actions` has `again()`, `edit(text)`, which returns whether it could, and `announce(words)`. */
export class TurnView {
  constructor(turn, actions) {
    Object.assign(this, {turn, actions});
    this.question = element("div", {class: "question", role: "group", "aria-label": "Your message"});
    this.container = element("div", {class: "reply-place"});
    this.again = element("button", {type: "button", class: "plain", onclick: () => actions.again()}, "Ask again");
    this.change = element("button", {type: "button", class: "plain", onclick: () => this.#edit()}, "Edit");
    this.copy = element("button", {type: "button", class: "plain", onclick: () => this.#copy()}, "Copy answer");
    this.tools = element("div", {class: "tools"}, this.copy, this.again, this.change);
    this.element = element("article", {class: "turn"}, this.question, this.container, this.tools);
    this.#showQuestion();
  }

  /** Shows a new reply from its beginning. */
  restart() {
    this.#showQuestion();
    this.reply = new ReplyView({retry: () => this.actions.again()});
    this.container.replaceChildren(this.reply.element);
    this.update();
  }

  /** Shows the reply as it is now. */
  update() {
    this.reply.update(this.turn.reply);
  }

  /** Sets whether this turn can be edited and asked again: only the last one, while none is running. */
  allow(isAllowed) {
    const {reply} = this.turn;
    this.again.hidden = this.change.hidden = !isAllowed;
    this.copy.hidden = reply.answer === "" || !["done", "stopped", "failed"].includes(reply.state);
    for (const row of this.element.querySelectorAll(".retry")) row.hidden = !isAllowed;
    if (!isAllowed && this.editor) this.#showQuestion();
  }

  #showQuestion() {
    this.editor = null;
    const {text, images} = this.turn;
    this.question.classList.remove("editing");
    this.question.replaceChildren(
      ...(images.length
        ? [
            element(
              "div",
              {class: "sent"},
              images.map(({url, name}) => element("img", {src: url, alt: name, title: name})),
            ),
          ]
        : []),
      ...(text ? [element("p", {dir: "auto"}, text)] : []),
    );
  }

  #edit() {
    if (this.editor) return;
    this.editor = element("textarea", {"aria-label": "Your message", dir: "auto", rows: "3"});
    this.editor.value = this.turn.text;
    const close = () => {
      this.#showQuestion();
      this.change.focus();
    };
    const accept = () => {
      const words = this.editor.value.trim();
      if (words === "" && this.turn.images.length === 0) return;
      if (this.actions.edit(words)) document.getElementById("text").focus();
    };
    this.editor.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        accept();
      }
    });
    this.question.classList.add("editing");
    this.question.querySelector("p")?.remove();
    this.question.append(
      this.editor,
      element(
        "div",
        {class: "row"},
        element("button", {type: "button", onclick: close}, "Cancel"),
        element("button", {type: "button", class: "primary", onclick: accept}, "Send again"),
      ),
    );
    this.editor.focus();
    this.editor.setSelectionRange(this.editor.value.length, this.editor.value.length);
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.turn.reply.answer);
      this.copy.textContent = "Copied";
      this.actions.announce("Answer copied.");
    } catch {
      this.copy.textContent = "Could not copy";
      this.actions.announce("The browser did not allow copying.");
    }
    setTimeout(() => {
      this.copy.textContent = "Copy answer";
    }, 2000);
  }
}
