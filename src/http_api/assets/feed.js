// The list of photos: the feed, a person's photos or those with a hashtag; masonry and endless scrolling.

import { call, session } from "./api.js";
import { card, remember } from "./card.js";
import { avatar, byId, complain, count, el, icon } from "./dom.js";
import { followButton, openPost } from "./post.js";

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
    cards.push(card({ post: remember(post), source: item.source }, openPost));
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
  if (view.path === "/v1/feed" && !view.includeSeen) {
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
    const page = await call("GET", `${mine.path}?${query}`);
    if (view !== mine) return;
    const nothingNew = mine.includeSeen && mine.shown.size === 0;
    if (append(page.items ?? []) && nothingNew) view.grid.before(caughtUp("Here are photos that you have seen before."));
    more.textContent = "";
    byId("degraded").hidden = !page.degraded?.length;
    if (page.degraded?.length) byId("degraded").textContent = `Resting for a moment: ${page.degraded.join(", ")}.`;
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
    const about = el("div", { class: "about" }, el("h2", {}, user.display_name || user.username), el("p", {}, `@${user.username}`));
    about.append(...[user.bio && el("p", {}, user.bio), numbers].filter(Boolean));
    const follow = user.id === session.user?.id ? null : followButton(user, (following) => {
      user.follower_count += following ? 1 : -1;
      paint();
    });
    feed.prepend(el("section", { class: "masthead", "aria-label": "About this person" }, avatar(user, "large"), about, ...(follow ? [follow] : [])));
  } catch (error) {
    complain(error);
  }
}

/** Shows what the address says: `#/` the feed, `#/@name` a person, `#/tag/name` a hashtag. */
export function showRoute() {
  const route = decodeURIComponent(location.hash.replace(/^#\/?/, ""));
  for (const old of feed.querySelectorAll(".masonry")) widths.unobserve(old);
  feed.replaceChildren();
  more.textContent = "";
  document.title = "Tessera";
  view = { path: "/v1/feed", emptyText: "Nothing here yet. Share the first photo.", shown: new Set(), cursor: null, busy: false, done: false };
  if (route.startsWith("@")) {
    view.path = `/v1/users/@${encodeURIComponent(route.slice(1))}/posts`;
    view.emptyText = "No photos here.";
    masthead(route.slice(1));
  } else if (route.startsWith("tag/")) {
    const tag = route.slice(4);
    view.path = `/v1/hashtags/${encodeURIComponent(tag)}/posts`;
    view.emptyText = `No photos with #${tag} to show.`;
    document.title = `#${tag} · Tessera`;
    feed.append(el("section", { class: "masthead" }, el("div", { class: "about" }, el("h2", {}, `#${tag}`), el("p", {}, "Photos with this hashtag"))));
  }
  view.grid = grid();
  window.scrollTo(0, 0);
  load();
}

/** Stops loading, when nobody is signed in. */
export function hideFeed() {
  view = null;
  feed.replaceChildren();
  more.textContent = "";
}

document.addEventListener("tessera:deleted", (event) => {
  for (const gone of document.querySelectorAll(`.card[data-post="${CSS.escape(event.detail)}"]`)) gone.remove();
});
