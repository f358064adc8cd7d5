// Sharing a photo: choose or drop, describe, send to the object store, wait for the post.

import { Problem, call, patiently, put, sleep } from "./api.js";
import { byId, closable, toast } from "./dom.js";
import { begun, forget, noteSent, sendParts } from "./parts.js";
import { takeDropped } from "./picture.js";

const dialog = byId("upload-dialog");
const form = byId("upload-form");
const fileInput = byId("file");
const preview = byId("preview");
const submit = byId("upload-submit");
const area = byId("progress");

let chosen = null;
let busy = false;

const isVideo = (file) => Boolean(file?.type.startsWith("video/"));

function choose(file) {
  if (busy) return;
  if (!isVideo(file) && !file?.type.startsWith("image/")) {
    toast("That is neither a picture nor a video.");
    return;
  }
  if (preview.src) URL.revokeObjectURL(preview.src);
  preview.removeAttribute("src");
  chosen = file;
  if (!isVideo(file)) preview.src = URL.createObjectURL(file);
  preview.hidden = isVideo(file);
  byId("drop-hint").hidden = true;
  byId("chosen-name").hidden = !isVideo(file);
  byId("chosen-name").textContent = file.name;
  area.hidden = true;
  submit.disabled = false;
}

function reset() {
  form.reset();
  chosen = null;
  if (preview.src) URL.revokeObjectURL(preview.src);
  preview.removeAttribute("src");
  preview.hidden = true;
  byId("chosen-name").hidden = true;
  byId("drop-hint").hidden = false;
  area.hidden = true;
  submit.disabled = true;
  submit.textContent = "Share";
}

function say(text, share, failed = false) {
  area.hidden = false;
  area.classList.toggle("failed", failed);
  byId("progress-bar").value = share;
  byId("progress-text").textContent = text;
}

/** Asks until the upload has become a post; throws the reason where it has failed. */
async function processed(uploadId, patience) {
  for (let pause = 150, waited = 0; waited < patience; waited += pause, pause = Math.min(1_000, pause * 1.3)) {
    const upload = await patiently(() => call("GET", `/v1/uploads/${uploadId}`));
    if (upload.status === "completed") return upload.post_id;
    if (upload.status === "failed") {
      throw new Problem(422, "failed", upload.error || "The file could not be processed.");
    }
    say("Making it look good on every screen …", 0.6 + (0.4 * (upload.progress ?? 0)) / 100);
    await sleep(pause);
  }
  throw new Problem(0, "slow", "This takes longer than usual. Your post will appear when it is ready.");
}

async function share() {
  const words = new FormData(form);
  say("Getting ready …", 0.02);
  const file = chosen;
  const ask = { filename: file.name || "photo", file_size: file.size, content_type: file.type };
  const upload = (await begun(file)) ?? (await call("POST", "/v1/uploads", ask));
  if (!upload.sent) {
    const send = upload.multipart ? sendParts : put;
    await send(upload, file, (done) => say(`Sending … ${Math.round(done * 100)} %`, 0.05 + 0.55 * done));
    // From here on a failure says nothing about whether there will be a post, so "Try again" goes on with this upload.
    noteSent(file, upload);
  }
  const text = (name) => words.get(name).trim() || undefined;
  const complete = () => call("POST", `/v1/uploads/${upload.upload_id}/complete`, { caption: text("caption"), alt_text: text("alt_text") });
  try {
    await patiently(complete);
    // A long video takes about as long as it plays.
    const postId = await processed(upload.upload_id, isVideo(file) ? 1_800_000 : 180_000);
    forget(file);
    return postId;
  } catch (error) {
    if ([404, 409, 422].includes(error.status)) forget(file);
    throw error;
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!chosen || busy) return;
  busy = true;
  submit.disabled = true;
  try {
    const postId = await share();
    const what = isVideo(chosen) ? "video" : "photo";
    dialog.close();
    reset();
    toast(`Your ${what} is shared.`);
    document.dispatchEvent(new CustomEvent("tessera:shared", { detail: postId }));
  } catch (error) {
    say(error.message, 0, true);
    submit.disabled = false;
    submit.textContent = "Try again";
  } finally {
    busy = false;
  }
});

fileInput.addEventListener("change", () => fileInput.files[0] && choose(fileInput.files[0]));

// A photo may be dropped anywhere on the page.
const holdsFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
let depth = 0;
const veil = (on) => {
  if (!on) depth = 0;
  byId("veil").hidden = !on || document.querySelector("dialog[open]") !== null;
  byId("drop").classList.toggle("over", on);
};

/** Opens the dialog, with a file where there is one. */
export function openUpload(file) {
  if (!dialog.open) {
    if (!busy) reset();
    dialog.showModal();
  }
  if (file) choose(file);
}

/** Listens for drops while `allowed` says that somebody is signed in. */
export function startUploads(allowed) {
  closable(dialog);
  window.addEventListener("dragenter", (event) => {
    if (!holdsFile(event) || !allowed()) return;
    depth += 1;
    veil(true);
  });
  window.addEventListener("dragleave", (event) => {
    if (!holdsFile(event)) return;
    depth -= 1;
    if (depth <= 0) veil(false);
  });
  window.addEventListener("dragover", (event) => holdsFile(event) && event.preventDefault());
  window.addEventListener("drop", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    veil(false);
    const [file] = event.dataTransfer.files;
    if (file && allowed() && !takeDropped(file)) openUpload(file);
  });
}
