// A large file in parts: several at a time, again after a failure, and on from where an earlier visit broke off.

import { call, put, sleep } from "./api.js";

const PARALLEL = 3;
const ROUNDS = 6;
const PREFIX = "tessera.upload.";

const keyOf = (file) => `${PREFIX}${file.name}|${file.size}|${file.lastModified}`;

/** The upload that was begun for this file and is still open, with its parts as the server has them; or null. */
export async function begun(file) {
  const uploadId = localStorage.getItem(keyOf(file));
  if (!uploadId) return null;
  try {
    return { upload_id: uploadId, multipart: await call("GET", `/v1/uploads/${uploadId}/parts`) };
  } catch (error) {
    if (error.status === 404 || error.status === 409) forget(file);
    else throw error;
    return null;
  }
}

/** Forgets the upload of a file: it is complete, or gone. */
export function forget(file) {
  localStorage.removeItem(keyOf(file));
}

/** Sends the parts that are missing; `onProgress` hears 0 to 1. */
export async function sendParts(upload, file, onProgress) {
  localStorage.setItem(keyOf(file), upload.upload_id);
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
