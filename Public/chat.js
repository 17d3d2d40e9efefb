// The chat page: connects composer, conversation and server. One reply runs at a time, and typed text is never lost.
import {ServerError, json} from "./api.js";
import {Conversation, absorb, emptyReply} from "./conversation.js";
import {takeDrops} from "./drop.js";
import {askForKey} from "./key.js";
import {Images, fetchImage} from "./images.js";
import {faultySetting, prepareSettings, remembers, requestFields} from "./settings.js";
import {streamReply} from "./stream.js";
import {TurnView} from "./turn.js";

const at = (id) => document.getElementById(id);
const text = at("text"),
  send = at("send"),
  stop = at("stop"),
  log = at("log");
const status = at("status"),
  examples = document.querySelectorAll(".example");
const announce = (words) => {
  status.textContent = words;
};
const images = new Images(at("images"), at("images-note"), announce);

let conversation = new Conversation();
let views = [];
let running = null;

// MARK: Replies

/** Requests the reply of `turn` and shows it as it arrives. */
async function run(turn, view) {
  turn.reply = emptyReply();
  const {reply} = turn;
  const controller = (running = new AbortController());
  const body = {messages: conversation.messages(turn, remembers()), ...requestFields()};
  keepFocus(() => {
    view.restart();
    showState();
  });
  announce("Waiting for the reply.");
  const redraw = drawing(
    () => view.update(),
    () => running === controller,
  );
  let said = "waiting";
  try {
    await streamReply(body, controller.signal, (chunk) => {
      absorb(reply, chunk);
      if (chunk.model) showModel(chunk.model);
      if (reply.state !== said) announce((said = reply.state) === "thinking" ? "Thinking." : "Answering.");
      redraw();
    });
    reply.state = "done";
  } catch (error) {
    reply.state = error.name === "AbortError" ? "stopped" : "failed";
    reply.error = error;
    if (reply.state === "failed" && !(error instanceof ServerError)) {
      reply.error = new ServerError("The page could not show the reply.");
      console.error(error);
    }
  }
  reply.ended = performance.now();
  if (running === controller) running = null;
  if (!conversation.turns.includes(turn)) return;
  keepEnd(() => view.update());
  announce(ending(reply));
  keepFocus(showState);
  if (reply.error?.status === 401 && (await askForKey(reply.error.message))) {
    loadModel();
    if (conversation.last === turn && canAsk()) run(turn, view);
  }
}

function ending(reply) {
  if (reply.state === "failed") return `${reply.error.title}. ${reply.error.message}`;
  if (reply.state === "stopped") return "Stopped.";
  return reply.answer.length > 600 ? "The reply is complete." : `Reply: ${reply.answer || "empty"}`;
}

/**
 * Returns a function that draws on the next frame, at most once per frame. Also draws every half second, so that the
 * clock advances while nothing arrives.
 */
function drawing(draw, goesOn) {
  let isAsked = false;
  const once = () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      if (goesOn()) keepEnd(draw);
    });
  };
  const clock = setInterval(() => (goesOn() ? once() : clearInterval(clock)), 500);
  once();
  return once;
}

/** Changes the page and keeps it scrolled to the end if it was there. */
function keepEnd(change) {
  const page = document.scrollingElement;
  const isAtEnd = page.scrollHeight - page.clientHeight - page.scrollTop < 60;
  change();
  if (isAtEnd) page.scrollTop = page.scrollHeight;
}

/** Changes the page. If the focused button disappears, the focus moves to the next useful control. */
function keepFocus(change) {
  const focused = document.activeElement;
  const isOurs = focused === send || focused === stop || log.contains(focused);
  change();
  if (isOurs && !focused.checkVisibility()) (running ? stop : text).focus({preventScroll: true});
}

// MARK: Composer

/** Whether a reply can be requested now. Shows a setting that is out of bounds. */
const canAsk = () => running === null && faultySetting() === null;

async function submit() {
  await images.ready;
  const words = text.value.trim();
  if ((words === "" && images.isEmpty) || !canAsk()) return;
  const turn = conversation.add(words, images.take());
  text.value = "";
  append(turn);
  fit();
}

function append(turn) {
  const view = new TurnView(turn, {
    again: () => {
      if (canAsk()) run(turn, view);
    },
    edit: (words) => {
      if (!canAsk()) return false;
      turn.text = words;
      run(turn, view);
      return true;
    },
    announce,
  });
  views.push(view);
  log.append(view.element);
  document.scrollingElement.scrollTop = document.scrollingElement.scrollHeight;
  run(turn, view);
}

/** Shows the buttons that the state allows. Only the last turn can be edited or asked again. */
function showState() {
  send.hidden = running !== null;
  stop.hidden = running === null;
  send.disabled = text.value.trim() === "" && images.isEmpty;
  at("welcome").hidden = conversation.turns.length > 0;
  at("new").disabled = conversation.turns.length === 0;
  views.forEach((view, index) => view.allow(index === views.length - 1 && running === null));
}

/** Makes the text field as high as its text, up to the limit in the style sheet. */
function fit() {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight + 2}px`;
  send.disabled = text.value.trim() === "" && images.isEmpty;
}

async function addImages(files) {
  if (files.length === 0) return;
  await images.add([...files]);
  showState();
}

/** Sends an example. The draft in the composer stays, with its images. */
async function useExample(button) {
  const {text: words, image} = button.dataset;
  for (const one of examples) one.disabled = true;
  try {
    const list = image ? [await fetchImage(image)] : [];
    if (conversation.last === null && canAsk()) {
      append(conversation.add(words, list));
      text.focus();
    }
  } catch {
    images.tell("Cannot load the image of the example.");
  } finally {
    for (const one of examples) one.disabled = false;
    if (conversation.last === null && document.activeElement === document.body) button.focus();
  }
}

function startNewChat() {
  running?.abort();
  running = null;
  conversation = new Conversation();
  views = [];
  log.replaceChildren();
  showState();
  announce("New chat.");
  text.focus();
}

/**
 * Shows the name of the model. Requests do not name one: the loaded model answers, also after a restart with another
 * model.
 */
function showModel(name) {
  if (at("model").textContent !== name) at("model").textContent = at("model").title = name;
}

async function loadModel() {
  try {
    showModel((await json("v1/models")).data[0].id);
  } catch (error) {
    if (error.status === 401) {
      if (await askForKey(error.message)) loadModel();
    } else {
      at("model").textContent = "server not reachable";
    }
  }
}

// MARK: Events

text.addEventListener("input", fit);
text.addEventListener("keydown", (event) => {
  // Input methods also confirm a character with Enter.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
text.addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  // Spreadsheets offer their cells as an image too; paste the text.
  if (files.length === 0 || event.clipboardData.types.includes("text/plain")) return;
  event.preventDefault();
  addImages(files);
});
at("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
stop.addEventListener("click", () => running?.abort());
at("new").addEventListener("click", startNewChat);
at("attach").addEventListener("click", () => at("files").click());
at("files").addEventListener("change", async () => {
  await addImages(at("files").files);
  at("files").value = "";
  text.focus();
});
at("images").addEventListener("click", showState);
for (const button of examples) button.addEventListener("click", () => useExample(button));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && running && !document.querySelector("dialog[open]")) running.abort();
});

takeDrops(addImages);
addEventListener("beforeunload", (event) => {
  if (text.value.trim() !== "") event.preventDefault();
});

for (const span of document.querySelectorAll(".address"))
  span.textContent = new URL(".", location.href).href.replace(/\/$/, "");
prepareSettings();
showState();
loadModel();
text.focus();
