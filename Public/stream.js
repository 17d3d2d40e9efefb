// Reads server-sent events from a response, and the chunks of a chat completion from them.
import {ServerError, request, serverError} from "./api.js";

const cut = () => new ServerError("The connection ended before the reply.", {code: "cut"});

/**
 * The data of each event in a stream of bytes. Lines end with LF, CRLF or CR; comments and other fields are skipped
 * (HTML standard, section 9.2.6).
 */
export async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "",
    data = null,
    afterCarriage = false;
  try {
    for (;;) {
      const {value, done} = await reader.read().catch((error) => {
        throw error.name === "AbortError" ? error : cut();
      });
      if (done) return;
      let text = rest + value;
      if (afterCarriage && text.startsWith("\n")) text = text.slice(1);
      afterCarriage = text.endsWith("\r");
      const lines = text.split(/\r\n|\n|\r/);
      rest = lines.pop();
      for (const line of lines) {
        if (line === "") {
          if (data !== null) yield data;
          data = null;
        } else if (line.startsWith("data:")) {
          const value = line.slice(line[5] === " " ? 6 : 5);
          data = data === null ? value : `${data}\n${value}`;
        }
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Returns the object of an event; throws an error event. Its status was 200, so the code decides the heading. */
function chunk(data) {
  let object;
  try {
    object = JSON.parse(data);
  } catch {
    throw cut();
  }
  if (!object.error) return object;
  const isPassing = ["shutting_down", "deadline_exceeded", "overloaded"].includes(object.error.code);
  throw serverError(object, isPassing ? 503 : 500, null);
}

/**
 * Requests a streamed reply and passes each chunk to `onChunk`. Returns at `[DONE]`; throws `ServerError`, or
 * `AbortError` when stopped.
 */
export async function streamReply(body, signal, onChunk) {
  const response = await request("v1/chat/completions", {
    signal,
    body: {
      ...body,
      stream: true,
      stream_options: {include_usage: true, include_progress: true},
    },
  });
  for await (const data of events(response.body)) {
    if (data === "[DONE]") return;
    onChunk(chunk(data));
  }
  throw signal.aborted ? new DOMException("", "AbortError") : cut();
}
