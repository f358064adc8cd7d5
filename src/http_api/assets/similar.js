// A few posts that look like the one that is open.

import { call } from "./api.js";
import { remember } from "./card.js";
import { complain, el, nameOf } from "./dom.js";
import { openPictureOf } from "./picture.js";

const SHOWN = 4;

function thumb(post, open) {
  const label = post.alt_text || `Post by ${nameOf(post.author)}`;
  const image = el("img", { src: post.media.thumbnail, alt: "", width: 150, height: 150, decoding: "async" });
  return el("button", { type: "button", class: "thumb", "aria-label": label, title: nameOf(post.author), onclick: () => open(post) }, image);
}

/** The row for `post`, filled when the server has answered, gone where nothing looks alike; `open` shows a post. */
export function similarRow(post, open) {
  const places = Array.from({ length: SHOWN }, () => el("span", { class: "thumb", "aria-hidden": "true" }));
  const row = el("div", { class: "thumbs", "aria-busy": "true" }, places);
  const part = el("button", { type: "button", class: "link", onclick: () => openPictureOf(post).catch(complain) }, "Search a part");
  const all = el("a", { href: `#/similar/${post.post_id}` }, "See all");
  const head = el("div", { class: "head" }, el("h3", {}, "More like this"), part, all);
  const section = el("section", { class: "similar", "aria-label": "More like this" }, head, row);
  fill(post, open, section, row);
  return section;
}

async function fill(post, open, section, row) {
  try {
    const page = await call("GET", `/v1/posts/${post.post_id}/similar?limit=${SHOWN}`);
    row.replaceChildren(...page.items.map((item) => thumb(remember(item), open)));
    row.setAttribute("aria-busy", "false");
    if (page.degraded?.length) row.after(el("p", { class: "aside" }, "Some look-alikes may be missing right now."));
    if (!page.items.length) section.remove();
  } catch {
    // The post itself is there; nobody asked for more.
    section.remove();
  }
}
