// The page: who is signed in, the bar on top, notifications. One small client of the public HTTP API.

import { call, session } from "./api.js";
import { avatar, byId, closable, closeDialogs, complain, el, nameOf, plural, timeAgo } from "./dom.js";
import { hideFeed, showRoute } from "./feed.js";
import { openPostById } from "./post.js";
import { openUpload, startUploads } from "./upload.js";

const listDialog = byId("list-dialog");
let creating = false;

// Signing in and out

function showWelcome() {
  session.token = null;
  session.user = null;
  hideFeed();
  closeDialogs();
  byId("bar").hidden = true;
  byId("feed-area").hidden = true;
  byId("welcome").hidden = false;
  document.title = "Tessera";
  offerPeople();
}

async function showHome(user) {
  session.user = user;
  byId("welcome").hidden = true;
  byId("feed-area").hidden = false;
  byId("bar").hidden = false;
  byId("open-me").replaceChildren(avatar(user));
  byId("open-me").setAttribute("aria-label", `Your account, ${nameOf(user)}`);
  showRoute();
  checkNotifications();
}

async function signIn(path, credentials) {
  const reply = await call("POST", path, credentials);
  session.token = reply.token;
  if (location.hash.length > 2) history.replaceState(null, "", "#/");
  await showHome(reply.user);
  byId("main").focus({ preventScroll: true });
}

/** The demo's people as cards; without a demo the form opens instead. */
async function offerPeople() {
  let world = null;
  try {
    const reply = await fetch("/demo/people.json", { headers: { accept: "application/json" } });
    world = reply.ok ? await reply.json() : null;
  } catch {
    world = null;
  }
  const people = world?.people ?? [];
  byId("people-area").hidden = people.length === 0;
  byId("account").open = people.length === 0;
  byId("people").replaceChildren(...people.map((person) => el("li", {}, personCard(person, world.password))));
}

function personCard(person, password) {
  const enter = async () => {
    card.disabled = true;
    try {
      await signIn("/v1/sessions", { username: person.username, password });
    } catch (error) {
      complain(error);
    }
    card.disabled = false;
  };
  const words = el("span", {}, el("strong", {}, nameOf(person)), el("span", {}, person.bio ?? ""));
  const card = el("button", { type: "button", class: "person", onclick: enter }, avatar(person), words);
  return card;
}

byId("account-switch").addEventListener("click", () => {
  creating = !creating;
  byId("display-name-field").hidden = !creating;
  byId("account-submit").textContent = creating ? "Create account" : "Sign in";
  byId("account-switch").textContent = creating ? "I have an account already" : "New here? Create an account";
  byId("account-form").elements.password.autocomplete = creating ? "new-password" : "current-password";
});

byId("account-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const { username, password, display_name } = Object.fromEntries(new FormData(form));
  const submit = byId("account-submit");
  submit.disabled = true;
  try {
    const name = display_name.trim();
    const credentials = { username: username.trim(), password };
    if (creating) await signIn("/v1/users", name ? { ...credentials, display_name: name } : credentials);
    else await signIn("/v1/sessions", credentials);
    form.reset();
  } catch (error) {
    complain(error);
  }
  submit.disabled = false;
});

async function signOut() {
  try {
    await call("DELETE", "/v1/sessions/current");
  } catch (error) {
    // Gone from this browser either way.
    if (error.status !== 401) complain(error);
  }
  showWelcome();
}

// Lists: the account and the notifications

function showList(title, ...content) {
  byId("list-title").textContent = title;
  byId("list-body").replaceChildren(...content);
  if (!listDialog.open) listDialog.showModal();
}

function go(hash) {
  listDialog.close();
  location.hash = hash;
}

function showAccount() {
  const user = session.user;
  const row = (words, action) => el("button", { type: "button", onclick: action }, words);
  const head = el("div", { class: "row" }, avatar(user), el("span", {}, el("strong", {}, nameOf(user)), el("br"), el("small", {}, `@${user.username}`)));
  showList("You", el("div", { class: "rows" }, head, row("Your photos", () => go(`#/@${user.username}`)), row("Sign out", signOut)));
}

function notificationWords(notification) {
  const actors = notification.actors ?? [];
  const others = Math.max(0, notification.actor_count - 1);
  const who = nameOf(actors[0]) + (others ? ` and ${plural(others, "other", "others")}` : "");
  const own = notification.text.endsWith("your post");
  const comment = own ? "commented on your photo" : "also commented on their photo";
  const did = { like: "liked your photo", comment, follow: others ? "follow you" : "follows you" };
  return { actor: actors[0], words: `${who} ${did[notification.kind]}` };
}

function notificationRow(notification) {
  const { actor, words } = notificationWords(notification);
  const open = () => {
    listDialog.close();
    if (notification.post_id) openPostById(notification.post_id);
    else if (actor) go(`#/@${actor.username}`);
  };
  const when = timeAgo(notification.updated_at);
  return el("button", { type: "button", class: notification.read ? "" : "unread", onclick: open }, avatar(actor), el("span", {}, words, when));
}

const unread = (page) => page.unread_count > 0;

async function showNotifications() {
  try {
    const page = await call("GET", "/v1/notifications?limit=40");
    const items = page.items ?? [];
    const rows = items.length
      ? el("div", { class: "rows" }, items.map(notificationRow))
      : el("p", { class: "empty" }, "Nothing yet. Likes, comments and new followers will show here.");
    showList("Notifications", rows);
    byId("unread").hidden = true;
    if (unread(page)) await call("POST", "/v1/notifications/read", { up_to: items[0].id });
  } catch (error) {
    complain(error);
  }
}

/** The dot on the bell. Quiet about failures: nobody asked for this. */
async function checkNotifications() {
  if (!session.token || document.hidden) return;
  try {
    const page = await call("GET", "/v1/notifications?limit=10");
    byId("unread").hidden = !unread(page);
  } catch {
    byId("unread").hidden = true;
  }
}

// Start

session.onExpired = () => session.user && showWelcome();
closable(listDialog);
closable(byId("post-dialog"));
startUploads(() => Boolean(session.user));
byId("open-upload").addEventListener("click", () => openUpload());
byId("open-notifications").addEventListener("click", showNotifications);
byId("open-me").addEventListener("click", showAccount);
byId("brand").addEventListener("click", () => location.hash.length <= 2 && showRoute());
window.addEventListener("hashchange", () => {
  closeDialogs();
  if (session.user) showRoute();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  // Addresses after # are the page's own: this one must not become a view.
  event.preventDefault();
  byId("main").focus();
});
document.addEventListener("visibilitychange", checkNotifications);
setInterval(checkNotifications, 60_000);
document.addEventListener("tessera:shared", () => {
  if (location.hash.length > 2) location.hash = "#/";
  else showRoute();
});

async function start() {
  if (!session.token) return showWelcome();
  try {
    await showHome(await call("GET", "/v1/me"));
  } catch (error) {
    if (error.status !== 401) complain(error);
    showWelcome();
  }
}

start();
