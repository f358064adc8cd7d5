// What was begun: a large file in parts, several at a time, again after a failure, and on from where an earlier visit broke
// off; and of every file, that it has been sent, so that no lost reply makes a second post of it.

import { call, put, sleep } from "./api.js";

const PARALLEL = 3;
const ROUNDS = 6;
const PREFIX = "tessera.upload.";
/** Whoever shares a file again after this long means it. */
const SENT_KEPT_MS = 900_000;

const keyOf = (file) => `${PREFIX}${file.name}|${file.size}|${file.lastModified}`;

function noted(file) {
  try {
    return JSON.parse(localStorage.getItem(keyOf(file)));
  } catch {
    return null;
  }
}

const note = (file, upload, sent) =>
  localStorage.setItem(keyOf(file), JSON.stringify({ upload_id: upload.upload_id, sent, at: Date.now() }));

/** Notes that all of a file has arrived, and only `complete` and the processing are left. */
export const noteSent = (file, upload) => note(file, upload, true);

/** The upload that was begun for this file: `sent` whole, or still open with its parts as the server has them; or null. */
export async function begun(file) {
  const before = noted(file);
  if (!before?.upload_id) return null;
  const path = `/v1/uploads/${before.upload_id}`;
  try {
    if (!before.sent) return { upload_id: before.upload_id, multipart: await call("GET", `${path}/parts`) };
    const { status } = await call("GET", path);
    if (status !== "failed" && Date.now() - before.at < SENT_KEPT_MS) return { upload_id: before.upload_id, sent: true };
  } catch (error) {
    if (error.status !== 404 && error.status !== 409) throw error;
  }
  forget(file);
  return null;
}

/** Forgets the upload of a file: it is a post, or will never be one. */
export function forget(file) {
  localStorage.removeItem(keyOf(file));
}

/** Sends the parts that are missing; `onProgress` hears 0 to 1. */
export async function sendParts(upload, file, onProgress) {
  note(file, upload, false);
  let multipart = upload.multipart;
  for (let round = 1; ; round += 1) {
    const failure = await sendMissing(multipart, file, onProgress);
    if (!failure) return;
    if (round === ROUNDS) throw failure;
    await sleep(Math.min(15_000, 500 * 2 ** round));
    // Fresh URLs, and what arrived in spite of it all.
    multipart = await call("GET", `/v1/uploads/${upload.upload_id}/parts`);
  }
}

/** Sends what is missing, each part once; gives the first failure. */
async function sendMissing({ part_size: partSize, parts }, file, onProgress) {
  const sent = new Map(parts.map((part) => [part.part_number, part.etag ? part.size : 0]));
  const report = () => onProgress([...sent.values()].reduce((sum, bytes) => sum + bytes, 0) / file.size);
  const waiting = parts.filter((part) => !part.etag);
  let failure = null;
  report();
  const worker = async () => {
    while (waiting.length && !failure) {
      const part = waiting.shift();
      const start = (part.part_number - 1) * partSize;
      try {
        await put(part, file.slice(start, start + part.size), (share) => {
          sent.set(part.part_number, share * part.size);
          report();
        });
      } catch (error) {
        failure ??= error;
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return failure;
}
