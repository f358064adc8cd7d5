// The search field: people and hashtags while one types, what trends before; and the trending hashtags above the feed.

import { call } from "./api.js";
import { avatar, byId, complain, count, el, nameOf, plural } from "./dom.js";

const field = byId("search-input");
const list = byId("search-results");
const status = byId("search-status");
const PAUSE_MS = 150;
const TRENDING_KEPT_MS = 60_000;

let timer = null;
/** Counts the searches, so that a late reply to an earlier one is dropped. */
let asked = 0;
let active = -1;
let trending = { at: -Infinity, tags: [] };

const options = () => [...list.querySelectorAll("[role=option]")];
const tagLink = (tag) => `#/tag/${encodeURIComponent(tag)}`;

async function trendingTags() {
  if (performance.now() - trending.at > TRENDING_KEPT_MS) {
    const page = await call("GET", "/v1/hashtags/trending?limit=10");
    trending = { at: performance.now(), tags: page.items.map((item) => item.tag) };
  }
  return trending.tags;
}

function close() {
  clearTimeout(timer);
  asked += 1;
  list.hidden = true;
  field.setAttribute("aria-expanded", "false");
  mark(-1);
}

function mark(index) {
  active = index;
  options().forEach((option, at) => option.setAttribute("aria-selected", String(at === index)));
  const chosen = options()[index];
  if (chosen) {
    field.setAttribute("aria-activedescendant", chosen.id);
    chosen.scrollIntoView({ block: "nearest" });
  } else field.removeAttribute("aria-activedescendant");
}

function go(hash) {
  field.value = "";
  field.blur();
  close();
  location.hash = hash;
}

function option(hash, ...children) {
  // The field keeps the focus while an option is pressed.
  const keep = (event) => event.preventDefault();
  return el("li", { role: "option", "aria-selected": "false", "data-hash": hash, onpointerdown: keep, onclick: () => go(hash) }, ...children);
}

const tagOption = (tag, note) => option(tagLink(tag), el("span", { class: "sign", "aria-hidden": "true" }, "#"), el("span", {}, el("strong", {}, `#${tag}`), note && el("small", {}, note)));
const personOption = (user) => option(`#/@${encodeURIComponent(user.username)}`, avatar(user), el("span", {}, el("strong", {}, nameOf(user)), el("small", {}, `@${user.username}`)));

function show(heading, found, words) {
  found.forEach((item, index) => {
    item.id = `found-${index}`;
  });
  list.replaceChildren(...[heading && el("li", { role: "presentation", class: "heading" }, heading), ...found].filter(Boolean));
  if (!found.length) list.append(el("li", { role: "presentation", class: "heading" }, words));
  status.textContent = words;
  list.hidden = false;
  field.setAttribute("aria-expanded", String(found.length > 0));
  mark(-1);
}

/** Shows what fits the field's words; resolves when it is shown. */
async function look() {
  clearTimeout(timer);
  const mine = (asked += 1);
  const query = field.value.trim();
  try {
    if (!query || query === "#") {
      const tags = await trendingTags();
      if (mine !== asked) return;
      if (tags.length) show("Trending", tags.map((tag) => tagOption(tag)), plural(tags.length, "trending hashtag", "trending hashtags"));
      else close();
      return;
    }
    if (query === "@") return;
    const found = await call("GET", `/v1/search?${new URLSearchParams({ q: query, limit: "6" })}`);
    if (mine !== asked) return;
    const tags = found.hashtags.map((hit) => tagOption(hit.tag, hit.post_count >= 1_000 ? "1,000 posts or more" : plural(hit.post_count, "post", "posts")));
    const all = [...found.users.map(personOption), ...tags];
    show(null, all, all.length ? `${count(all.length)} found` : "Nobody and no hashtag begins like that.");
  } catch (error) {
    if (mine === asked) complain(error);
  }
}

field.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(look, PAUSE_MS);
});
field.addEventListener("focus", () => list.hidden && look());
field.addEventListener("blur", close);
field.addEventListener("keydown", (event) => {
  const last = options().length - 1;
  const next = { ArrowDown: active >= last ? 0 : active + 1, ArrowUp: active <= 0 ? last : active - 1 }[event.key];
  if (next !== undefined && !list.hidden && last >= 0) {
    event.preventDefault();
    mark(next);
  } else if (event.key === "Escape" && !list.hidden) {
    event.preventDefault();
    close();
  }
});

byId("search").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (active < 0 && field.value.trim()) await look();
  const chosen = options()[Math.max(0, active)];
  if (chosen && (active >= 0 || field.value.trim())) go(chosen.dataset.hash);
});

/** The trending hashtags above the feed; hidden elsewhere, and where nothing trends. */
export async function showTrending(wanted) {
  const area = byId("trending");
  area.hidden = true;
  if (!wanted) return;
  try {
    const tags = await trendingTags();
    byId("trending-list").replaceChildren(...tags.map((tag) => el("li", {}, el("a", { class: "chip", href: tagLink(tag) }, `#${tag}`))));
    area.hidden = tags.length === 0 || document.querySelector(".masthead") !== null;
  } catch {
    // Nobody asked for it.
    area.hidden = true;
  }
}
