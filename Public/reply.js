// Shows one reply: the thought, which folds, with tokens and time; the answer; an error; the figures.
import {account} from "./account.js";
import {element} from "./element.js";
import {counted, duration} from "./format.js";
import {TextView} from "./text.js";

const ENDS = {
  budget: "ended at its budget",
  loop: "ended because it repeated itself",
  length: "cut at the reply limit",
};

/** The view of a reply. `actions` has `retry()`. */
export class ReplyView {
  #answer = new TextView();
  #isFoldedByReader = false;
  #shown = "";

  constructor(actions) {
    this.actions = actions;
    this.summary = element("summary", {});
    this.thought = element("p", {class: "thought-text", dir: "auto"});
    this.details = element("details", {class: "thought", hidden: true}, this.summary, this.thought);
    this.summary.addEventListener("click", () => {
      this.#isFoldedByReader = true;
    });
    this.waiting = element("p", {class: "waiting quiet figures"});
    this.after = element("div", {class: "after"});
    this.element = element(
      "div",
      {class: "reply", role: "group", "aria-label": "Reply"},
      this.details,
      this.waiting,
      this.#answer.element,
      this.after,
    );
  }

  /** Shows the reply as it is now. */
  update(reply) {
    const isOver = ["done", "stopped", "failed"].includes(reply.state);
    this.element.setAttribute("aria-busy", String(!isOver));
    this.#updateThought(reply, isOver);
    this.#answer.update(reply.answer);
    this.waiting.hidden = reply.state !== "waiting";
    if (reply.state === "waiting") this.waiting.textContent = waitingText(reply);
    if (isOver) this.after.replaceChildren(...this.#end(reply));
  }

  #updateThought(reply, isOver) {
    this.details.hidden = reply.thought === "";
    if (reply.thought === "") return;
    if (!this.#isFoldedByReader) this.details.open = reply.state === "thinking";
    this.summary.replaceChildren(element("span", {class: "figures"}, thoughtTitle(reply, isOver)));
    if (this.#shown !== reply.thought) this.thought.textContent = this.#shown = reply.thought;
  }

  #end(reply) {
    const parts = [];
    if (reply.state === "done" && reply.answer === "")
      parts.push(element("p", {class: "quiet"}, "The answer is empty."));
    if (reply.finish === "length") parts.push(element("p", {class: "notice"}, "Cut at the reply limit."));
    if (reply.state === "stopped") {
      parts.push(
        element("p", {class: "quiet"}, "Stopped. The server does not count stopped replies, so there are no figures."),
      );
    }
    if (reply.state === "failed") parts.push(this.#failure(reply.error));
    if (reply.usage && reply.thinking) parts.push(account(reply));
    return parts;
  }

  #failure(error) {
    const wait = error.retryAfter;
    const hint = wait === null ? null : `The server suggests waiting ${counted(wait, "second")}.`;
    return element(
      "div",
      {class: "notice bad"},
      element("p", {}, element("strong", {}, error.title), ". ", error.message),
      hint && element("p", {}, hint),
      element(
        "div",
        {class: "row retry"},
        element("button", {type: "button", onclick: this.actions.retry}, "Try again"),
      ),
    );
  }
}

function waitingText({progress, began}) {
  if (!progress) {
    const waited = (performance.now() - began) / 1000;
    return waited < 1 ? "Waiting…" : `Waiting… ${duration(Math.floor(waited))}`;
  }
  const share = progress.total > 0 ? `${Math.round((100 * progress.done) / progress.total)} %` : "";
  return progress.stage === "image"
    ? `Encoding image ${progress.image + 1}… ${share}`
    : `Processing the prompt of ${counted(progress.total, "token")}… ${share}`;
}

/**
 * The title of a thought. While it grows, it counts pieces, most of which are one token, until the server's count
 * arrives.
 */
function thoughtTitle(reply, isOver) {
  const time = ((reply.thoughtEnded ?? (isOver ? reply.ended : performance.now())) - reply.thoughtBegan) / 1000;
  const tokens = reply.thinking
    ? counted(reply.thinking.thinking_tokens, "token")
    : `about ${counted(reply.pieces, "token")}`;
  const end = ENDS[reply.thinking?.stop];
  const isThinking = reply.state === "thinking" || reply.state === "waiting";
  return [isThinking ? "Thinking" : "Thought", tokens, duration(Math.max(time, 0)), end].filter(Boolean).join(" · ");
}
