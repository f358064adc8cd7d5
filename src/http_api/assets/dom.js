// Small tools for building the page. Text from users only ever becomes text nodes.

/** An element with properties (`class`, `on…` listeners, `aria-…` and other attributes) and children. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

const ICONS = {
  heart: "M12 20.5S3.5 15.4 3.5 9.3A4.7 4.7 0 0 1 12 6.6a4.7 4.7 0 0 1 8.5 2.7c0 6.1-8.5 11.2-8.5 11.2z",
  talk: "M20.5 11.6c0 4.2-3.8 7.4-8.5 7.4-1 0-2-.1-2.9-.4L4 20.5l1.5-4A6.9 6.9 0 0 1 3.5 11.6c0-4.2 3.8-7.5 8.5-7.5s8.5 3.3 8.5 7.5z",
  close: "M6 6l12 12M18 6L6 18",
  check: "M20 6.5 9.5 17 4 11.5",
};

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

export const nameOf = (user) => user?.display_name || user?.username || "Somebody";

export function avatar(user, size = "") {
  const name = nameOf(user);
  let sum = 0;
  for (const letter of user?.username ?? name) sum = (sum * 31 + letter.codePointAt(0)) % 8_191;
  const initials = name.split(/\s+/).map((word) => [...word][0] ?? "").slice(0, 2).join("").toUpperCase();
  const inside = user?.avatar_url ? el("img", { src: user.avatar_url, alt: "" }) : initials;
  return el("span", { class: `avatar ${size} tint-${sum % 8}`, "aria-hidden": "true" }, inside);
}

export const profileLink = (user, ...children) =>
  el("a", { href: `#/@${encodeURIComponent(user.username)}` }, children.length ? children : nameOf(user));

/** A caption as text nodes, its hashtags and mentions as links. */
export function richText(text) {
  const pieces = (text ?? "").split(/((?:^|(?<=[\s(.,;!?]))[#@][\p{L}\p{N}_]+)/u);
  return pieces.filter(Boolean).map((piece) => {
    if (/^#[\p{L}\p{N}_]+$/u.test(piece)) return el("a", { href: `#/tag/${encodeURIComponent(piece.slice(1).toLowerCase())}` }, piece);
    if (/^@[\p{L}\p{N}_]+$/u.test(piece)) return el("a", { href: `#/${encodeURIComponent(piece)}` }, piece);
    return document.createTextNode(piece);
  });
}

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const UNITS = [["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3_600], ["minute", 60]];

export function timeAgo(when) {
  const date = new Date(when);
  if (Number.isNaN(date.getTime())) return "";
  const seconds = (date - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? [null, 1];
  const words = unit ? relative.format(Math.round(seconds / length), unit) : "just now";
  return el("time", { datetime: date.toISOString(), title: date.toLocaleString() }, words);
}

const compact = new Intl.NumberFormat(undefined, { notation: "compact" });
export const count = (value) => compact.format(value ?? 0);
export const plural = (value, one, many) => `${count(value)} ${value === 1 ? one : many}`;

/** Says something for a few seconds, above everything, dialogs too. */
export function toast(message) {
  const area = byId("toasts");
  const line = el("div", { class: "toast" }, message);
  while (area.childElementCount > 2) area.firstElementChild.remove();
  area.append(line);
  // Shown anew so that it lies above a dialog that opened since.
  if (area.matches(":popover-open")) area.hidePopover();
  area.showPopover();
  setTimeout(() => {
    line.remove();
    if (!area.childElementCount && area.matches(":popover-open")) area.hidePopover();
  }, 5_500);
}

/** Shows a problem as the server worded it. */
export function complain(error) {
  const wait = error?.retryAfter ? ` Try again in ${plural(error.retryAfter, "second", "seconds")}.` : "";
  toast(`${error?.message || "Something went wrong."}${wait}`);
}

/** Closes whatever dialogs are open. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
}

/** Closes a dialog by its buttons marked `data-close` and by a click beside it. */
export function closable(dialog) {
  dialog.addEventListener("click", (event) => {
    const box = dialog.getBoundingClientRect();
    const outside = event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
    if (event.target.closest("[data-close]") || (event.target === dialog && outside)) dialog.close();
  });
}
