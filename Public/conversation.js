// The conversation: turns, replies and the messages of a request. Plain values; nothing here touches the page.

/**
 * The default limits of a server for a request: images (`images.max_count`), bytes of an image, bytes of the body.
 */
export const LIMITS = {count: 8, bytes: 32 << 20, body: 64 << 20};

/** A reply before anything has arrived. */
export function emptyReply() {
  return {
    state: "waiting",
    thought: "",
    answer: "",
    pieces: 0,
    progress: null,
    began: performance.now(),
    thoughtBegan: null,
    thoughtEnded: null,
    finish: null,
    usage: null,
    thinking: null,
    timings: null,
    error: null,
  };
}

/** Adds a chunk of the stream to a reply. */
export function absorb(reply, chunk) {
  if (chunk.progress) reply.progress = chunk.progress;
  if (chunk.usage) reply.usage = chunk.usage;
  if (chunk.thinking) reply.thinking = chunk.thinking;
  if (chunk.timings) reply.timings = chunk.timings;
  const choice = chunk.choices?.[0];
  if (!choice) return;
  const thought = choice.delta?.reasoning_content ?? choice.delta?.reasoning ?? "";
  const answer = choice.delta?.content ?? "";
  if (thought) {
    reply.thoughtBegan ??= performance.now();
    reply.state = "thinking";
    reply.thought += thought;
    reply.pieces += 1;
  }
  if (answer) {
    if (reply.state === "thinking") reply.thoughtEnded = performance.now();
    reply.state = "answering";
    reply.answer += answer;
  }
  if (choice.finish_reason) reply.finish = choice.finish_reason;
}

const isOver = (reply) => ["done", "stopped", "failed"].includes(reply.state);

/** Turns: `{text, images: [{name, url, bytes}], reply}`. */
export class Conversation {
  turns = [];

  get last() {
    return this.turns.at(-1) ?? null;
  }
  get isRunning() {
    return this.last !== null && !isOver(this.last.reply);
  }

  add(text, images) {
    const turn = {text, images, reply: emptyReply()};
    this.turns.push(turn);
    return turn;
  }

  /**
   * Returns the messages of a request for `turn`. With `remembers`, earlier turns that have an answer come first,
   * without their thoughts and without the oldest images if those exceed the limits.
   */
  messages(turn, remembers) {
    const earlier = remembers
      ? this.turns.slice(0, this.turns.indexOf(turn)).filter((other) => other.reply.answer !== "")
      : [];
    let count = turn.images.length,
      size = length(turn.images) + ROOM_FOR_TEXT;
    const latestFirst = earlier.reverse().map((other) => {
      count += other.images.length;
      size += length(other.images);
      const asked = question(count <= LIMITS.count && size <= LIMITS.body ? other : {text: other.text, images: []});
      return asked.content === "" ? [] : [asked, {role: "assistant", content: other.reply.answer}];
    });
    return [...latestFirst.reverse().flat(), question(turn)];
  }
}

const ROOM_FOR_TEXT = 1 << 20;
const length = (images) => images.reduce((sum, {url}) => sum + url.length, 0);

function question({text, images}) {
  if (images.length === 0) return {role: "user", content: text};
  const parts = images.map(({url}) => ({type: "image_url", image_url: {url}}));
  return {role: "user", content: text ? [...parts, {type: "text", text}] : parts};
}
