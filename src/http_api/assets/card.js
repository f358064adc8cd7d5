// A post as the feed shows it: the picture with its placeholder, the like button, the card.

import { call } from "./api.js";
import { blurhashCanvas } from "./blurhash.js";
import { avatar, complain, count, el, icon, plural, profileLink, richText } from "./dom.js";

/** Every post the page has met, one object each, so that cards and the dialog agree. */
const known = new Map();

export function remember(post) {
  const before = known.get(post.post_id);
  if (!before) {
    known.set(post.post_id, post);
    return post;
  }
  return Object.assign(before, post);
}

export const forget = (postId) => known.delete(postId);

export function ratioOf(post) {
  const { width, height } = post.media ?? {};
  return width > 0 && height > 0 ? width / height : 4 / 3;
}

/** The picture inside a frame that keeps its room; `large` for the dialog. */
export function fillFrame(frame, post, { large = false, sizes = "100vw" } = {}) {
  const { media = {} } = post;
  const ratio = large ? ratioOf(post) : Math.min(2.2, Math.max(0.56, ratioOf(post)));
  frame.style.aspectRatio = String(ratio);
  frame.style.setProperty("--ratio", String(ratio));
  const placeholder = blurhashCanvas(media.blurhash);
  if (large && media.video) {
    // Players of HLS choose a size as they go; the others play the MP4.
    const source = (src, type) => src && el("source", { src, type });
    const label = post.alt_text || `Video by ${post.author?.display_name || post.author?.username || "somebody"}`;
    const options = { poster: media.large, controls: true, playsinline: true, preload: "metadata", "aria-label": label };
    const sources = [source(media.hls, "application/vnd.apple.mpegurl"), source(media.video, "video/mp4")];
    frame.append(el("video", options, sources));
    return;
  }
  // The ladder of the API: `large` is as wide as the media says, `medium` fits into 640 pixels.
  const mediumWidth = Math.round(media.width * Math.min(1, 640 / Math.max(media.width, media.height)));
  const image = el("img", {
    src: (large && media.animation) || (large ? media.large ?? media.medium : media.medium ?? media.large),
    srcset: !(large && media.animation) && media.medium && media.large && mediumWidth ? `${media.medium} ${mediumWidth}w, ${media.large} ${media.width}w` : null,
    sizes,
    alt: post.alt_text || `Photo by ${post.author?.display_name || post.author?.username || "somebody"}`,
    width: media.width,
    height: media.height,
    decoding: "async",
    loading: large ? "eager" : "lazy",
  });
  const show = () => image.classList.add("loaded");
  image.addEventListener("load", show);
  if (image.complete && image.naturalWidth) show();
  const source = (url, type) => url && el("source", { srcset: url, type });
  // AVIF and WebP are made for the feed; the dialog wants the largest picture there is.
  const sources = large ? [] : [source(media.avif, "image/avif"), source(media.webp, "image/webp")];
  const picture = el("picture", {}, sources, image);
  const kind = media.video ? "Video" : media.animation && !large ? "GIF" : null;
  const badge = kind && el("span", { class: "label kind" }, kind);
  frame.append(...[placeholder, picture, badge].filter(Boolean));
}

function showLikes(post) {
  for (const button of document.querySelectorAll(`[data-like="${CSS.escape(post.post_id)}"]`)) {
    button.setAttribute("aria-pressed", String(Boolean(post.liked)));
    button.setAttribute("aria-label", `${post.liked ? "Unlike" : "Like"}, ${plural(post.like_count, "like", "likes")}`);
    button.lastChild.textContent = count(post.like_count);
  }
}

export function showComments(post) {
  for (const element of document.querySelectorAll(`[data-comments="${CSS.escape(post.post_id)}"]`)) {
    element.lastChild.textContent = count(post.comment_count);
    element.setAttribute("aria-label", plural(post.comment_count, "comment", "comments"));
  }
}

const inFlight = new Set();

/** Likes or unlikes at once and takes it back if the server says no. */
export async function toggleLike(post) {
  if (inFlight.has(post.post_id)) return;
  inFlight.add(post.post_id);
  const before = { liked: post.liked, like_count: post.like_count };
  post.liked = !before.liked;
  post.like_count = Math.max(0, before.like_count + (post.liked ? 1 : -1));
  showLikes(post);
  try {
    const reply = await call(post.liked ? "POST" : "DELETE", `/v1/posts/${post.post_id}/likes`);
    if (typeof reply?.like_count === "number") post.like_count = reply.like_count;
  } catch (error) {
    // Liked already, from another window: the wish is fulfilled.
    if (error.code === "duplicate_like") post.like_count = before.like_count;
    else {
      Object.assign(post, before);
      complain(error);
    }
  } finally {
    inFlight.delete(post.post_id);
    showLikes(post);
  }
}

export function likeButton(post) {
  const label = `${post.liked ? "Unlike" : "Like"}, ${plural(post.like_count, "like", "likes")}`;
  return el(
    "button",
    {
      type: "button",
      class: "like",
      "data-like": post.post_id,
      "aria-pressed": String(Boolean(post.liked)),
      "aria-label": label,
      onclick: () => toggleLike(post),
    },
    icon("heart"),
    document.createTextNode(count(post.like_count)),
  );
}

const LABELS = { following: "Following", celebrity: "Following", recommended: "Recommended", ad: "Ad" };

/** One card of the feed. `open` shows the post. */
export function card({ post, source, reason }, open) {
  const frame = el("button", { type: "button", class: "frame", onclick: () => open(post), "aria-haspopup": "dialog" });
  fillFrame(frame, post, { sizes: "(max-width: 620px) 100vw, 420px" });
  const words = LABELS[source];
  if (words) frame.append(el("span", { class: `label ${source}` }, words));
  const talk = el(
    "button",
    {
      type: "button",
      "data-comments": post.post_id,
      "aria-label": plural(post.comment_count, "comment", "comments"),
      onclick: () => open(post, { comment: true }),
    },
    icon("talk"),
    document.createTextNode(count(post.comment_count)),
  );
  const byline = el(
    "div",
    { class: "byline" },
    avatar(post.author, "small"),
    el("span", { class: "who" }, profileLink(post.author)),
    el("span", { class: "counts" }, likeButton(post), talk),
  );
  const caption = post.caption && el("p", { class: "caption" }, richText(post.caption));
  const why = reason && el("p", { class: "reason" }, richText(reason[0].toUpperCase() + reason.slice(1)));
  const foot = el("div", { class: "foot" }, byline, caption || null, why || null);
  const label = `Photo by ${post.author.display_name || post.author.username}`;
  return el("article", { class: "card", "data-post": post.post_id, "aria-label": label }, el("div", {}, frame, foot));
}
