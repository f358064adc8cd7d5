// What one finds on the page: people, hashtags, look-alikes, pictures by a part of one; and a post that is shared once.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { signUp } from "./client.mjs";
import { openPage, signIn, startNode } from "./demo.mjs";

const photo = (name) => new URL(`../fixtures/photos/${name}`, import.meta.url).pathname;
let node;
let reader;
let painter;
let neighbour;
let browser;
let page;
let problems;

before(async () => {
  node = await startNode();
  const people = [["reader", "Rea Der"], ["painter", "Nora Painter"], ["neighbour", "Cat Person"]];
  [reader, painter, neighbour] = await Promise.all(people.map(([username, name]) => signUp(node.url, username, name)));
  await neighbour.share(photo("chelsea.png"), { caption: "On the sofa #cat", alt_text: "A cat" });
  await painter.share(photo("coffee-alpha.png"), { caption: "First things first #coffee", alt_text: "A cup of coffee" });
  await painter.share(photo("astronaut-display-p3.jpg"), { caption: "Off we go #space", alt_text: "An astronaut" });
  ({ browser, page, problems } = await openPage());
  await page.goto(node.url);
  await signIn(page, reader);
  await page.locator(".card").first().waitFor();
});

after(async () => {
  await browser?.close();
  await node?.stop();
});

const card = (text) => page.locator(".card", { hasText: text });
const dialog = () => page.locator("#post-dialog");

test("a recommended post says why it is there", async () => {
  const words = await card("On the sofa").locator(".reason").innerText();
  assert.match(words, /^[A-Z].{4,}/);
});

test("people and hashtags are found by the keyboard alone", async () => {
  const field = page.getByRole("combobox", { name: "Search people and hashtags" });
  await page.keyboard.press("Tab");
  await field.focus();
  await field.pressSequentially("nor");
  await page.getByRole("option", { name: "Nora Painter" }).waitFor();
  assert.equal(await field.getAttribute("aria-expanded"), "true");
  await page.keyboard.press("ArrowDown");
  const chosen = await field.getAttribute("aria-activedescendant");
  assert.equal(await page.locator(`#${chosen}`).getAttribute("aria-selected"), "true");
  await page.keyboard.press("Enter");
  await page.locator(".masthead", { hasText: "Nora Painter" }).waitFor();
  await field.focus();
  await field.pressSequentially("#spa");
  await page.getByRole("option", { name: "#space" }).waitFor();
  await page.keyboard.press("Enter");
  await page.locator(".masthead", { hasText: "#space" }).waitFor();
  await card("Off we go").waitFor();
});

test("a hashtag in a caption leads to its photos and can be followed", async () => {
  await page.locator("#brand").click();
  await card("On the sofa").locator(".caption").getByRole("link", { name: "#cat" }).click();
  await page.locator(".masthead", { hasText: "#cat" }).waitFor();
  await card("On the sofa").waitFor();
  assert.equal(await page.locator(".card").count(), 1);
  await page.getByRole("button", { name: "Follow #cat" }).click();
  await page.locator(".masthead button[aria-pressed=true]:enabled").waitFor();
  assert.deepEqual((await reader.call("GET", "/v1/hashtags/followed")).items, ["cat"]);
});

test("a photo leads to those that look like it", async () => {
  await page.locator(".card button.frame").first().click();
  await dialog().locator(".thumbs img").first().waitFor();
  assert.equal(await dialog().locator(".thumbs img").count(), 2, "the two others");
  await dialog().locator(".thumbs button").first().click();
  await dialog().locator(".caption", { hasText: /First things|Off we go/ }).waitFor();
  await dialog().getByRole("link", { name: "See all" }).click();
  await page.locator(".masthead", { hasText: "More like this" }).waitFor();
  await page.locator(".card").nth(1).waitFor();
  assert.equal(await page.locator(".card").count(), 2);
});

test("a picture is searched with, and a part of it", async () => {
  await page.getByRole("button", { name: "Search by picture" }).click();
  await page.setInputFiles("#picture-file", photo("chelsea.png"));
  await page.locator("#picture-submit:enabled").click();
  await page.locator(".masthead", { hasText: "Look-alikes" }).waitFor();
  assert.match(await page.locator(".card").first().innerText(), /On the sofa/, "the same picture comes first");
  await page.getByRole("button", { name: "Search again" }).click();
  const area = await page.locator("#picture-canvas").boundingBox();
  await page.mouse.move(area.x + area.width * 0.2, area.y + area.height * 0.1);
  await page.mouse.down();
  await page.mouse.move(area.x + area.width * 0.9, area.y + area.height * 0.9, { steps: 3 });
  await page.mouse.up();
  assert.equal(await page.locator("#picture-w").inputValue(), "70");
  const asked = page.waitForRequest(/search\/visual/);
  await page.locator("#picture-submit").click();
  assert.match((await asked).url(), /x=0\.2.*&y=0\.1.*&w=0\.7.*&h=0\.8/);
  await page.locator(".masthead", { hasText: "this part" }).waitFor();
  await page.locator(".card").first().waitFor();
});

test("a post is shared once though no reply to its completion arrives", async () => {
  const caption = "Only once #rocket";
  let lost = 0;
  await page.route(/\/complete$/, async (route) => {
    await route.fetch();
    lost += 1;
    await route.abort("connectionreset");
  });
  await page.locator("#open-upload").click();
  await page.setInputFiles("#file", photo("rocket.jpg"));
  await page.fill("[name=caption]", caption);
  await page.locator("#upload-submit").click();
  await page.locator("#upload-submit:enabled", { hasText: "Try again" }).waitFor();
  assert.ok(lost > 1, "it asked again by itself");
  await page.unroute(/\/complete$/);
  await page.locator("#upload-submit").click();
  await page.locator("#upload-dialog").waitFor({ state: "hidden" });
  const { items } = await reader.call("GET", `/v1/users/${reader.user.id}/posts`);
  assert.deepEqual(items.map((post) => post.caption), [caption]);
});

test("nothing went wrong on the way", () => {
  assert.deepEqual(problems.filter((problem) => !problem.includes("/complete")), []);
});
