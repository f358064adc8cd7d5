// The HTTP API: one call, its problems, the session, and the upload of bytes to a presigned URL.

const TOKEN = "tessera.token";

/** A refusal by the server (RFC 9457) or by the network. */
export class Problem extends Error {
  constructor(status, code, detail, retryAfter) {
    super(detail);
    Object.assign(this, { status, code, retryAfter });
  }
}

export const session = {
  get token() {
    return localStorage.getItem(TOKEN);
  },
  set token(value) {
    if (value) localStorage.setItem(TOKEN, value);
    else localStorage.removeItem(TOKEN);
  },
  /** The signed-in user, once known. */
  user: null,
  /** Called when the server no longer knows the token. */
  onExpired: () => {},
};

function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Calls the API with JSON or a file as body; gives the reply's JSON, or null where it has none. Throws `Problem`. */
export async function call(method, path, body) {
  const headers = { accept: "application/json" };
  const isFile = body instanceof Blob;
  if (session.token) headers.authorization = `Bearer ${session.token}`;
  if (body !== undefined) headers["content-type"] = isFile ? body.type : "application/json";
  if (method !== "GET" && !isFile) headers["idempotency-key"] = randomKey();
  let reply;
  try {
    reply = await fetch(path, { method, headers, body: isFile || body === undefined ? body : JSON.stringify(body) });
  } catch {
    throw new Problem(0, "offline", "The server cannot be reached. Is it still running?");
  }
  const text = await reply.text();
  let json = null;
  try {
    json = text ? JSON.parse(text) : null;
  } catch {
    json = null;
  }
  if (reply.ok) return json;
  if (reply.status === 401 && session.token) session.onExpired();
  const retryAfter = Number(reply.headers.get("retry-after")) || null;
  const detail = json?.detail || json?.title || `The server answered ${reply.status}.`;
  throw new Problem(reply.status, json?.code ?? "", detail, retryAfter);
}

/** PUTs a file to a presigned URL with the headers that were signed; `onProgress` hears 0 to 1. */
export function put(upload, file, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(upload.method ?? "PUT", upload.presigned_url);
    for (const [name, value] of Object.entries(upload.headers ?? {})) {
      // The browser sets these itself and refuses to be told.
      if (!/^(host|content-length)$/i.test(name)) request.setRequestHeader(name, value);
    }
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () =>
      request.status >= 200 && request.status < 300
        ? resolve()
        : reject(new Problem(request.status, "storage", `The photo was not accepted (${request.status}).`));
    request.onerror = () => reject(new Problem(0, "storage", "The photo could not be sent."));
    request.send(file);
  });
}

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const ATTEMPTS = 4;

/** Does `action` again while the server cannot be reached or is busy; for what may be done twice without harm. */
export async function patiently(action) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await action();
    } catch (error) {
      const isPassing = [0, 429, 502, 503, 504].includes(error.status);
      if (!isPassing || attempt === ATTEMPTS) throw error;
      await sleep(error.retryAfter ? Math.min(10_000, error.retryAfter * 1_000) : 150 * 2 ** attempt);
    }
  }
}
