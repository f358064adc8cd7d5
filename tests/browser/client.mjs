// A person who uses the public HTTP API, for what a test needs to be there before a page is looked at.

import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";

const TYPES = { ".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".mp4": "video/mp4" };
const PASSWORD = "correct horse battery";

export const typeOf = (path) => TYPES[extname(path)];

/** Calls the API; gives the reply's JSON, or null. Throws with the problem's words. */
export async function call(base, method, path, { token, body } = {}) {
  const headers = { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const reply = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await reply.text();
  if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

/** Makes an account. */
export async function signUp(base, username, displayName) {
  const body = { username, password: PASSWORD, display_name: displayName };
  const { user, token } = await call(base, "POST", "/v1/users", { body });
  return new Person(base, user, token);
}

export class Person {
  constructor(base, user, token) {
    Object.assign(this, { base, user, token, password: PASSWORD });
  }

  call(method, path, body) {
    return call(this.base, method, path, { token: this.token, body });
  }

  /** Uploads the file at `path`; gives the post once it is there. */
  async share(path, words = {}) {
    const bytes = await readFile(path);
    const ask = { filename: basename(path), file_size: bytes.length, content_type: typeOf(path) };
    const upload = await this.call("POST", "/v1/uploads", ask);
    const stored = await fetch(upload.presigned_url, { method: "PUT", headers: upload.headers, body: bytes });
    if (!stored.ok) throw new Error(`PUT: ${stored.status}`);
    await this.call("POST", `/v1/uploads/${upload.upload_id}/complete`, words);
    for (;;) {
      const state = await this.call("GET", `/v1/uploads/${upload.upload_id}`);
      if (state.status === "failed") throw new Error(`${path}: ${state.error}`);
      if (state.status === "completed") return this.call("GET", `/v1/posts/${state.post_id}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
