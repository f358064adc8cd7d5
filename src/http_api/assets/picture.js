// Search by a picture or a part of one: choose, draw a frame around what matters, look.

import { call } from "./api.js";
import { byId, closable, closeDialogs, complain, toast } from "./dom.js";

const dialog = byId("picture-dialog");
const file = byId("picture-file");
const canvas = byId("picture-canvas");
const stage = byId("picture-stage");
const box = byId("picture-box");
const submit = byId("picture-submit");
const sliders = Object.fromEntries(["x", "y", "w", "h"].map((name) => [name, byId(`picture-${name}`)]));
/** The model looks at far less; a smaller picture is sent faster. */
const LONGEST_SIDE = 1_024;
const SMALLEST_SHARE = 0.08;

const WHOLE = { x: 0, y: 0, w: 1, h: 1 };
let crop = WHOLE;
let loaded = false;
let busy = false;
let last = null;

/** What was found last: `{page, thumbnail, isPart}`; null before the first search. */
export const lastSearch = () => last;

const isWhole = () => crop.w > 0.995 && crop.h > 0.995;

function setCrop(next) {
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const w = clamp(next.w, SMALLEST_SHARE, 1);
  const h = clamp(next.h, SMALLEST_SHARE, 1);
  crop = { x: clamp(next.x, 0, 1 - w), y: clamp(next.y, 0, 1 - h), w, h };
  for (const [name, value] of Object.entries(crop)) sliders[name].value = String(Math.round(value * 100));
  box.hidden = isWhole();
  for (const [side, name] of [["left", "x"], ["top", "y"], ["width", "w"], ["height", "h"]]) box.style[side] = `${crop[name] * 100}%`;
  submit.textContent = isWhole() ? "Find look-alikes" : "Find look-alikes of this part";
  byId("picture-whole").hidden = isWhole();
}

/** Draws `blob` upright and small. */
async function take(blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch {
    toast("That is no picture that this browser can open.");
    return;
  }
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  loaded = true;
  stage.hidden = false;
  byId("picture-exact").hidden = false;
  byId("picture-drop").hidden = true;
  submit.disabled = false;
  setCrop(WHOLE);
}

function reset() {
  loaded = false;
  file.value = "";
  stage.hidden = true;
  byId("picture-exact").hidden = true;
  byId("picture-drop").hidden = false;
  submit.disabled = true;
  setCrop(WHOLE);
}

const blobOf = (source, type, quality) => new Promise((resolve) => source.toBlob(resolve, type, quality));

/** The part that was searched with, small, as a `data:` URL. */
function thumbnail() {
  const small = document.createElement("canvas");
  const [width, height] = [crop.w * canvas.width, crop.h * canvas.height];
  const scale = 160 / Math.max(width, height);
  [small.width, small.height] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  const context = small.getContext("2d");
  context.drawImage(canvas, crop.x * canvas.width, crop.y * canvas.height, width, height, 0, 0, small.width, small.height);
  return small.toDataURL("image/jpeg", 0.85);
}

async function look() {
  const query = new URLSearchParams({ limit: "50" });
  if (!isWhole()) for (const [name, value] of Object.entries(crop)) query.set(name, value.toFixed(4));
  const picture = await blobOf(canvas, "image/jpeg", 0.9);
  const page = await call("POST", `/v1/search/visual?${query}`, picture);
  last = { page, thumbnail: thumbnail(), isPart: !isWhole() };
  // A photo may be open behind this one.
  closeDialogs();
  if (location.hash === "#/picture") window.dispatchEvent(new HashChangeEvent("hashchange"));
  else location.hash = "#/picture";
}

byId("picture-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!loaded || busy) return;
  busy = true;
  submit.disabled = true;
  try {
    await look();
  } catch (error) {
    complain(error);
  }
  busy = false;
  submit.disabled = false;
});

file.addEventListener("change", () => file.files[0] && take(file.files[0]));
byId("picture-other").addEventListener("click", reset);
byId("picture-whole").addEventListener("click", () => setCrop(WHOLE));
for (const slider of Object.values(sliders)) {
  slider.addEventListener("input", () => setCrop(Object.fromEntries(Object.entries(sliders).map(([name, { value }]) => [name, value / 100]))));
}

// A frame is drawn with the pointer; a click alone takes the whole picture again.
let from = null;
const place = (event) => {
  const area = canvas.getBoundingClientRect();
  const share = (value, start, length) => Math.min(1, Math.max(0, (value - start) / length));
  return { x: share(event.clientX, area.left, area.width), y: share(event.clientY, area.top, area.height) };
};
stage.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  from = place(event);
  stage.setPointerCapture(event.pointerId);
  event.preventDefault();
});
stage.addEventListener("pointermove", (event) => {
  if (!from) return;
  const to = place(event);
  const [w, h] = [Math.abs(to.x - from.x), Math.abs(to.y - from.y)];
  if (w < 0.02 && h < 0.02) return;
  setCrop({ x: Math.min(from.x, to.x), y: Math.min(from.y, to.y), w, h });
});
for (const end of ["pointerup", "pointercancel"]) {
  stage.addEventListener(end, (event) => {
    const to = from && place(event);
    if (to && Math.abs(to.x - from.x) < 0.02 && Math.abs(to.y - from.y) < 0.02) setCrop(WHOLE);
    from = null;
  });
}

/** Takes a dropped file while the dialog is open; says whether it did. */
export function takeDropped(dropped) {
  if (dialog.open) take(dropped);
  return dialog.open;
}

/** Opens the dialog, as it was left or, with a blob, with that picture. */
export async function openPicture(blob) {
  if (blob) await take(blob);
  else if (!loaded) reset();
  if (!dialog.open) dialog.showModal();
}

/** Opens the dialog with a post's picture, to search with a part of it. */
export async function openPictureOf(post) {
  const reply = await fetch(post.media.large);
  if (!reply.ok) throw new Error("The picture could not be loaded.");
  await openPicture(await reply.blob());
}

closable(dialog);
byId("open-picture").addEventListener("click", () => openPicture());
