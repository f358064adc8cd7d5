// The list of photos: the feed, a person's photos, those with a hashtag or those that look alike; masonry and endless scrolling.

import { call, session } from "./api.js";
import { card, remember } from "./card.js";
import { avatar, byId, complain, count, el, icon, nameOf, profileLink } from "./dom.js";
import { lastSearch, openPicture } from "./picture.js";
import { followButton, openPost, toggleButton } from "./post.js";
import { showTrending } from "./search.js";

const feed = byId("feed");
const more = byId("more");
const sentinel = byId("sentinel");
const PAGE = 24;
const ROW = 2;
const GAP = 18;

/** What is shown now; replaced as a whole when the view changes, so that late replies find it gone. */
let view = null;

function grid() {
  const element = el("div", { class: "masonry", role: "feed", "aria-busy": "false", "aria-label": "Photos" });
  feed.append(element);
  widths.observe(element);
  return element;
}

/** Each card spans as many small rows as it is high; the document keeps the order of the feed. */
function measure(cards) {
  const heights = cards.map((card) => card.firstElementChild.getBoundingClientRect().height);
  cards.forEach((card, index) => {
    card.style.gridRowEnd = `span ${Math.ceil((heights[index] + GAP) / ROW)}`;
  });
}

const widths = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    if (target.measuredWidth === contentRect.width) continue;
    target.measuredWidth = contentRect.width;
    measure([...target.children]);
  }
});

function append(items) {
  const cards = [];
  for (const item of items) {
    const post = item.post ?? item;
    if (!post?.post_id || view.shown.has(post.post_id)) continue;
    view.shown.add(post.post_id);
    cards.push(card({ post: remember(post), source: item.source, reason: item.reason }, openPost));
  }
  view.grid.append(...cards);
  measure(cards);
  return cards.length;
}

/** Says that only seen photos are left; `action` continues with them. */
function caughtUp(words, action) {
  const title = el("h2", {}, "You’re all caught up");
  return el("section", { class: "separator" }, icon("check"), title, el("p", {}, words), action);
}

/** The same feed from its start, with what was seen; photos that are on the page already do not come twice. */
function continueWithSeen() {
  Object.assign(view, { includeSeen: true, done: false, cursor: null, grid: grid() });
  load();
}

/** The last page has come. */
function finish() {
  view.done = true;
  const empty = view.shown.size === 0;
  if (view.path === "/v1/feed" && !view.found && !view.includeSeen) {
    if (empty) {
      // Nothing new at all: the page is never blank, so it goes on by itself.
      continueWithSeen();
      return;
    }
    const proceed = () => {
      button.remove();
      continueWithSeen();
    };
    const button = el("button", { type: "button", class: "secondary", onclick: proceed }, "Continue with photos you have seen");
    feed.append(caughtUp("You have seen every new photo.", button));
    return;
  }
  more.textContent = empty ? view.emptyText : "That is everything.";
}

const PARTS = {
  timeline: "what you have seen already",
  celebrities: "some people you follow",
  recommendations: "recommendations",
  visual_search: "some look-alikes",
};

/** Names what a page lacks, in a line that one may overlook. Ads are missed by nobody; of recommendations the sources are detail. */
function showDegraded(parts) {
  const words = parts.map((part) => PARTS[part]).filter(Boolean);
  byId("degraded").hidden = words.length === 0;
  if (words.length) byId("degraded").textContent = `For the moment without ${words.join(" and ")}.`;
}

async function load() {
  const mine = view;
  if (!mine || mine.busy || mine.done) return;
  mine.busy = true;
  mine.grid.setAttribute("aria-busy", "true");
  more.textContent = "Loading …";
  const query = new URLSearchParams({ limit: String(PAGE) });
  if (mine.cursor) query.set("cursor", mine.cursor);
  if (mine.includeSeen) query.set("include_seen", "true");
  try {
    const page = mine.found ?? (await call("GET", `${mine.path}?${query}`));
    if (view !== mine) return;
    const nothingNew = mine.includeSeen && mine.shown.size === 0;
    if (append(page.items ?? []) && nothingNew) view.grid.before(caughtUp("Here are photos that you have seen before."));
    more.textContent = "";
    showDegraded(page.degraded ?? []);
    mine.cursor = page.next_cursor ?? null;
    mine.busy = false;
    mine.grid.setAttribute("aria-busy", "false");
    if (!mine.cursor) finish();
    else if (nearEnd()) load();
  } catch (error) {
    if (view !== mine) return;
    mine.busy = false;
    const missing = error.status === 404;
    if (missing) mine.done = true;
    else complain(error);
    more.replaceChildren(missing ? mine.emptyText : el("button", { type: "button", class: "secondary", onclick: load }, "Try again"));
  }
}

const nearEnd = () => sentinel.getBoundingClientRect().top < window.innerHeight + 1_400;
new IntersectionObserver(() => nearEnd() && load(), { rootMargin: "1400px" }).observe(sentinel);

async function masthead(name) {
  const mine = view;
  try {
    const user = await call("GET", `/v1/users/@${encodeURIComponent(name)}`);
    if (view !== mine) return;
    document.title = `${user.display_name || user.username} · Tessera`;
    const numbers = el("p");
    const paint = () => {
      numbers.textContent = `${count(user.post_count)} photos · ${count(user.follower_count)} followers · ${count(user.following_count)} following`;
    };
    paint();
    const words = about(user.display_name || user.username, `@${user.username}`);
    words.append(...[user.bio && el("p", {}, user.bio), numbers].filter(Boolean));
    const follow = user.id === session.user?.id ? null : followButton(user, (following) => {
      user.follower_count += following ? 1 : -1;
      paint();
    });
    feed.prepend(el("section", { class: "masthead", "aria-label": "About this person" }, avatar(user, "large"), words, ...(follow ? [follow] : [])));
  } catch (error) {
    complain(error);
  }
}

const head = (label, ...content) => feed.append(el("section", { class: "masthead", "aria-label": label }, ...content));
const about = (title, ...lines) => el("div", { class: "about" }, el("h2", {}, title), lines.map((line) => el("p", {}, line)));

function showPerson(name) {
  view.path = `/v1/users/@${encodeURIComponent(name)}/posts`;
  view.emptyText = "No photos here.";
  masthead(name);
}

function showTag(tag) {
  const path = `/v1/hashtags/${encodeURIComponent(tag)}`;
  view.path = `${path}/posts`;
  view.emptyText = `No photos with #${tag} to show.`;
  document.title = `#${tag} · Tessera`;
  const place = el("div");
  head(`#${tag}`, about(`#${tag}`, "Photos with this hashtag"), place);
  call("GET", "/v1/hashtags/followed")
    .then(({ items }) => place.append(toggleButton(`#${tag}`, items.includes(tag), (follow) => call(follow ? "PUT" : "DELETE", `${path}/follow`))))
    .catch(complain);
}

async function showSimilar(postId) {
  const mine = view;
  view.path = `/v1/posts/${encodeURIComponent(postId)}/similar`;
  view.emptyText = "Nothing that looks like it.";
  document.title = "More like this · Tessera";
  const place = el("div", { class: "origin" });
  head("More like this", place);
  try {
    const post = remember(await call("GET", `/v1/posts/${encodeURIComponent(postId)}`));
    if (view !== mine) return;
    const label = `Open the photo by ${nameOf(post.author)}`;
    const image = el("img", { src: post.media.thumbnail, alt: post.alt_text, width: 150, height: 150 });
    const open = el("button", { type: "button", class: "thumb", "aria-label": label, onclick: () => openPost(post) }, image);
    place.replaceWith(open, about("More like this", ["Photos that look like this one by ", profileLink(post.author)]));
  } catch {
    // The list says by itself that there is no such photo.
    place.replaceWith(about("More like this"));
  }
}

/** What the last search by picture found; it is not kept, so that a reload leads to the feed. */
function showFound() {
  const found = lastSearch();
  view.found = found.page;
  view.emptyText = "Nothing that looks like it.";
  document.title = "Look-alikes · Tessera";
  const image = el("img", { src: found.thumbnail, alt: found.isPart ? "The part you searched with" : "The picture you searched with" });
  const again = el("button", { type: "button", class: "secondary", onclick: () => openPicture() }, "Search again");
  const words = found.isPart ? "Photos that look like this part of a picture" : "Photos that look like this picture";
  head("Look-alikes", el("span", { class: "thumb" }, image), about("Look-alikes", words), again);
}

function routeOf(hash) {
  try {
    return decodeURIComponent(hash.replace(/^#\/?/, ""));
  } catch {
    return "";
  }
}

/** Shows what the address says: `#/` the feed, `#/@name` a person, `#/tag/name`, `#/similar/id`, `#/picture`. */
export function showRoute() {
  const route = routeOf(location.hash);
  for (const old of feed.querySelectorAll(".masonry")) widths.unobserve(old);
  feed.replaceChildren();
  more.textContent = "";
  byId("degraded").hidden = true;
  document.title = "Tessera";
  view = { path: "/v1/feed", emptyText: "Nothing here yet. Share the first photo.", shown: new Set(), cursor: null, busy: false, done: false };
  if (route.startsWith("@")) showPerson(route.slice(1));
  else if (route.startsWith("tag/")) showTag(route.slice(4));
  else if (route.startsWith("similar/")) showSimilar(route.slice(8));
  else if (route === "picture" && lastSearch()) showFound();
  showTrending(view.path === "/v1/feed" && !view.found);
  view.grid = grid();
  window.scrollTo(0, 0);
  load();
}

/** Stops loading, when nobody is signed in. */
export function hideFeed() {
  view = null;
  feed.replaceChildren();
  more.textContent = "";
  showTrending(false);
}

document.addEventListener("tessera:deleted", (event) => {
  for (const gone of document.querySelectorAll(`.card[data-post="${CSS.escape(event.detail)}"]`)) gone.remove();
});
