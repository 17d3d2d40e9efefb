// Requests to the server: the API key of this tab, one type for errors, responses as JSON or as a stream.

/** An error in words for the reader. `status` is 0 without a response; `retryAfter` is in seconds or null. */
export class ServerError extends Error {
  constructor(message, {status = 0, code = null, param = null, retryAfter = null} = {}) {
    super(message);
    Object.assign(this, {status, code, param, retryAfter});
  }

  /** The heading above the message. */
  get title() {
    if (this.status === 0) return this.code === "cut" ? "The reply was interrupted" : "No connection";
    const titles = {
      401: "An API key is required",
      403: "Not allowed",
      404: "Not found",
      413: "Too large",
      415: "Unsupported image format",
      422: "Unreadable image",
      429: "The server is busy",
      503: "The server is not ready",
    };
    return titles[this.status] ?? (this.status < 500 ? "The server rejected the request" : "The server failed");
  }
}

const NAME = "r4b.key";
let held = null;

/** The API key of this tab, stored in its session storage only. */
export const key = {
  get() {
    try {
      return sessionStorage.getItem(NAME) ?? held;
    } catch {
      return held;
    }
  },
  set(value) {
    held = value || null;
    try {
      if (held) sessionStorage.setItem(NAME, held);
      else sessionStorage.removeItem(NAME);
    } catch {
      /* Without storage the key lasts as long as the page. */
    }
  },
};

/** Returns the error that an `{"error": …}` object describes, from a response or from a stream. */
export function serverError(body, status, headers) {
  const {message, code = null, param = null} = body?.error ?? {};
  const wait = Number.parseInt(headers?.get("retry-after"), 10);
  const text =
    typeof message === "string" && message ? message : `The server answered with status ${status} and no message.`;
  return new ServerError(text, {status, code, param, retryAfter: Number.isFinite(wait) ? wait : null});
}

/**
 * Returns a response with status 2xx. `path` is relative to the page, so that it works below a proxy's path. Throws
 * `ServerError`, or `AbortError` when stopped.
 */
export async function request(path, {body, signal} = {}) {
  const headers = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (key.get()) headers.authorization = `Bearer ${key.get()}`;
  let response;
  try {
    response = await fetch(path, {
      method: body === undefined ? "GET" : "POST",
      headers,
      signal,
      cache: "no-store",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("Cannot reach the server. It may have stopped, or the network may be down.");
  }
  if (response.ok) return response;
  const text = await response.text().catch(() => "");
  let document = null;
  try {
    document = JSON.parse(text);
  } catch {
    /* For example a proxy's HTML page. */
  }
  throw serverError(document, response.status, response.headers);
}

/** Returns the JSON document at a path. */
export async function json(path, options) {
  const response = await request(path, options);
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("The server's answer is not valid JSON.", {status: response.status});
  }
}
