// The post dialog: the large picture, its author, the caption, the conversation.

import { call, session } from "./api.js";
import { fillFrame, forget, likeButton, remember, showComments } from "./card.js";
import { avatar, byId, complain, el, icon, plural, profileLink, richText, timeAgo, toast } from "./dom.js";
import { similarRow } from "./similar.js";

const dialog = byId("post-dialog");
let shown = null;

/** A button that follows `name` or not, at once and with a way back; `change` tells the server. */
export function toggleButton(name, following, change) {
  const button = el("button", { type: "button" });
  const paint = () => {
    button.textContent = following ? "Following" : "Follow";
    button.className = following ? "secondary" : "primary";
    button.setAttribute("aria-pressed", String(following));
    button.setAttribute("aria-label", `Follow ${name}`);
  };
  button.addEventListener("click", async () => {
    following = !following;
    paint();
    button.disabled = true;
    try {
      await change(following);
    } catch (error) {
      following = !following;
      complain(error);
    }
    button.disabled = false;
    paint();
  });
  paint();
  return button;
}

/** Follows or unfollows a person. */
export function followButton(user, onChange = () => {}) {
  return toggleButton(user.display_name || user.username, Boolean(user.relationship?.following), async (follow) => {
    await call(follow ? "PUT" : "DELETE", `/v1/users/${user.id}/follow`);
    user.relationship = { ...user.relationship, following: follow };
    onChange(follow);
  });
}

/** Asks a second time before it does what cannot be undone. */
function deleteButton(label, action) {
  let sure = false;
  const button = el("button", { type: "button", class: "danger" }, label);
  button.addEventListener("click", async () => {
    if (!sure) {
      sure = true;
      button.textContent = "Really delete?";
      setTimeout(() => {
        sure = false;
        button.textContent = label;
      }, 4_000);
      return;
    }
    button.disabled = true;
    try {
      await action();
    } catch (error) {
      button.disabled = false;
      complain(error);
    }
  });
  return button;
}

function commentLine(post, comment) {
  const line = el(
    "li",
    { class: "comment", "data-id": comment.id },
    avatar(comment.author, "small"),
    el("div", { class: "text" }, profileLink(comment.author), " ", richText(comment.text), timeAgo(comment.created_at)),
  );
  if ([comment.author?.id, post.author.id].includes(session.user?.id)) {
    const remove = deleteButton("Delete", async () => {
      await call("DELETE", `/v1/comments/${comment.id}`);
      line.remove();
      post.comment_count = Math.max(0, post.comment_count - 1);
      showComments(post);
    });
    line.append(remove);
  }
  return line;
}

async function loadComments(post, list, more, cursor) {
  const query = new URLSearchParams({ limit: "30", ...(cursor ? { cursor } : {}) });
  try {
    const page = await call("GET", `/v1/posts/${post.post_id}/comments?${query}`);
    // A comment that was written just now is there already.
    const shown = new Set([...list.children].map((line) => line.dataset.id));
    list.append(...page.items.filter((comment) => !shown.has(comment.id)).map((comment) => commentLine(post, comment)));
    more.replaceChildren();
    if (page.next_cursor) {
      const next = () => loadComments(post, list, more, page.next_cursor);
      more.append(el("button", { type: "button", class: "link", onclick: next }, "More comments"));
    } else if (!list.childElementCount) {
      more.append(el("p", { class: "empty" }, "No comments yet. Say something kind."));
    }
  } catch (error) {
    complain(error);
  }
}

function commentForm(post, list, more) {
  const input = el("input", { name: "text", placeholder: "Add a comment", "aria-label": "Add a comment", maxlength: "1000", autocomplete: "off", required: true });
  const send = el("button", { type: "submit", class: "primary" }, "Send");
  const submit = async (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (!text) return;
    send.disabled = true;
    try {
      const made = await call("POST", `/v1/posts/${post.post_id}/comments`, { text });
      more.querySelector(".empty")?.remove();
      const line = commentLine(post, { author: session.user, created_at: new Date(), text, ...made });
      list.append(line);
      line.scrollIntoView({ block: "nearest" });
      input.value = "";
      post.comment_count = made?.comment_count ?? post.comment_count + 1;
      showComments(post);
    } catch (error) {
      complain(error);
    }
    send.disabled = false;
    input.focus();
  };
  return el("form", { class: "say", onsubmit: submit }, input, send);
}

async function deletePost(post) {
  await call("DELETE", `/v1/posts/${post.post_id}`);
  forget(post.post_id);
  dialog.close();
  toast("Your photo is deleted.");
  document.dispatchEvent(new CustomEvent("tessera:deleted", { detail: post.post_id }));
}

function header(post) {
  const who = el("span", { class: "who" }, profileLink(post.author), el("br"), el("small", {}, `@${post.author.username}`));
  const bar = el("header", {}, el("div", { class: "byline grow" }, avatar(post.author), who));
  const mine = post.author.id === session.user?.id;
  if (!mine) {
    // The card is there at once; the button follows when the relationship is known.
    call("GET", `/v1/users/${post.author.id}`)
      .then((user) => bar.insertBefore(followButton(user), bar.lastChild))
      .catch(complain);
  }
  bar.append(el("button", { type: "button", class: "round", "data-close": true, "aria-label": "Close" }, icon("close")));
  return bar;
}

/** Shows a post. `comment` puts the cursor into the comment field. */
export function openPost(post, { comment = false } = {}) {
  shown = post;
  const frame = el("div", { class: "frame" });
  fillFrame(frame, post, { large: true, sizes: "(max-width: 900px) 100vw, 1000px" });
  const list = el("ul", { class: "comments", "aria-label": "Comments" });
  const more = el("div");
  const caption = el("p", { class: "caption" }, richText(post.caption), timeAgo(post.created_at));
  const form = commentForm(post, list, more);
  const likes = el("div", { class: "tools" }, el("span", { class: "counts" }, likeButton(post)));
  if (post.author.id === session.user?.id) likes.append(deleteButton("Delete photo", () => deletePost(post)));
  dialog.replaceChildren(
    el("div", { class: "stage" }, frame),
    el("div", { class: "side" }, header(post), el("div", { class: "talk" }, caption, similarRow(post, openPost), list, more), el("footer", {}, likes, form)),
  );
  dialog.setAttribute("aria-label", `Photo by ${post.author.display_name || post.author.username}, ${plural(post.like_count, "like", "likes")}`);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  if (comment) form.querySelector("input").focus();
  else dialog.querySelector("[data-close]").focus();
  loadComments(post, list, more);
  refresh(post);
}

/** Brings the counts up to date. */
async function refresh(post) {
  try {
    remember(await call("GET", `/v1/posts/${post.post_id}`));
    if (shown !== post) return;
    dialog.querySelector(".counts")?.replaceChildren(likeButton(post));
    showComments(post);
  } catch (error) {
    if (error.status === 404) {
      dialog.close();
      toast("This photo is gone.");
    }
  }
}

/** Opens a post that is known only by its id, from a notification. */
export async function openPostById(postId) {
  try {
    openPost(remember(await call("GET", `/v1/posts/${postId}`)));
  } catch (error) {
    complain(error);
  }
}

dialog.addEventListener("close", () => {
  shown = null;
  dialog.replaceChildren();
});

dialog.addEventListener("click", (event) => {
  if (event.target.closest("a[href^='#/']")) dialog.close();
});

// The arrow keys walk the photos in the order of the feed.
dialog.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step || !shown || event.target.matches("input, textarea, video")) return;
  const cards = [...document.querySelectorAll(".card")];
  const at = cards.findIndex((card) => card.dataset.post === shown.post_id);
  const next = cards[at + step];
  if (at >= 0 && next) {
    event.preventDefault();
    next.scrollIntoView({ block: "center" });
    next.querySelector("button.frame").click();
  }
});
