// Asks the server: the API key of this tab, errors as one type, answers as JSON or as the stream they are.

/** What went wrong, in words for a reader. `status` is 0 when no answer came; `retryAfter` is in seconds or null. */
export class ServerError extends Error {
  constructor(message, {status = 0, code = null, param = null, retryAfter = null} = {}) {
    super(message);
    Object.assign(this, {status, code, param, retryAfter});
  }

  /** What the error is called above its message. */
  get title() {
    if (this.status === 0) return this.code === "cut" ? "The reply broke off" : "No connection";
    const titles = {
      401: "A key is needed",
      403: "Not allowed",
      404: "Not found",
      413: "Too large",
      415: "Not an image this server reads",
      422: "An image that cannot be read",
      429: "The server is busy",
      503: "The server is not ready",
    };
    return titles[this.status] ?? (this.status < 500 ? "The server refused this" : "The server failed");
  }
}

const NAME = "r4b.key";
let held = null;

/** The API key of this tab, kept in its session storage and nowhere else. */
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
      /* Without storage the key lives as long as the page. */
    }
  },
};

/** The error that an `{"error": …}` object tells of; also one inside a stream. */
export function serverError(body, status, headers) {
  const {message, code = null, param = null} = body?.error ?? {};
  const wait = Number.parseInt(headers?.get("retry-after"), 10);
  const text = typeof message === "string" && message ? message : `The answer was status ${status} without a reason.`;
  return new ServerError(text, {status, code, param, retryAfter: Number.isFinite(wait) ? wait : null});
}

/**
 * The response to a request, its status 2xx. `path` is relative to the page, so that a proxy's path stays before it.
 * Throws `ServerError`, or `AbortError` when stopped.
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
    throw new ServerError("The server cannot be reached. It may have stopped, or the network is gone.");
  }
  if (response.ok) return response;
  const text = await response.text().catch(() => "");
  let document = null;
  try {
    document = JSON.parse(text);
  } catch {
    /* A proxy's page, say. */
  }
  throw serverError(document, response.status, response.headers);
}

/** The JSON that a path answers. */
export async function json(path, options) {
  const response = await request(path, options);
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("The answer is not the JSON that it should be.", {status: response.status});
  }
}
