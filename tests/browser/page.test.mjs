// The page's main path, as somebody who opens the demo for the first time walks it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openPage, startDemo } from "./demo.mjs";

const photo = new URL("../fixtures/photos/rocket.jpg", import.meta.url).pathname;
let demo;
let browser;
let page;
let problems;

before(async () => {
  demo = await startDemo();
  ({ browser, page, problems } = await openPage());
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

const card = (text) => page.locator(".card", { hasText: text });
// A like may bring recommendations that are new. What was seen before then stands behind the button that ends the new ones.
const reopen = async (text) => {
  await page.reload();
  const proceed = page.getByRole("button", { name: "Continue with photos you have seen" });
  await card(text).or(proceed).first().waitFor();
  if (await proceed.isVisible()) await proceed.click();
  await card(text).waitFor();
};
const screenshot = async (name) => {
  const folder = process.env.TESSERA_SCREENSHOTS;
  if (folder) await page.screenshot({ path: `${folder}/${name}.png` });
};

test("a visitor signs in as one of the demo's people", async () => {
  await page.goto(demo.url);
  assert.equal(await page.locator(".person").count(), 12);
  await page.locator(".person", { hasText: "Wren" }).click();
  await page.locator(".card").first().waitFor();
});

test("the feed shows real pictures from several sources", async () => {
  await page.locator(".card img.loaded").first().waitFor();
  const widths = await page.locator(".card img.loaded").evaluateAll((images) => images.map((image) => image.naturalWidth));
  assert.ok(widths.length > 0 && widths.every((width) => width > 100), `decoded widths: ${widths}`);
  const labels = new Set(await page.locator(".card .label").allInnerTexts());
  assert.ok(labels.has("Following") && labels.has("Recommended"), [...labels].join(", "));
  await screenshot("feed");
});

test("scrolling brings the rest of the feed, each photo once", async () => {
  const before = await page.locator(".card").count();
  for (let step = 0; step < 12; step += 1) {
    await page.mouse.wheel(0, 4000);
    await page.waitForFunction(() => !document.querySelector("#more .spinner"));
  }
  const photos = await page.locator(".card img").evaluateAll((images) => images.map((image) => image.src));
  assert.ok(photos.length >= before);
  assert.equal(new Set(photos).size, photos.length);
});

test("a photo is shared and stands in the feed when its upload has ended", async () => {
  await page.locator("#brand").click();
  await page.locator("#open-upload").click();
  await page.setInputFiles("#file", photo);
  await page.fill("[name=caption]", "Up and away #rocket");
  await page.fill("[name=alt_text]", "A rocket on its pad");
  await page.locator("#upload-submit").click();
  await page.locator("#upload-dialog").waitFor({ state: "hidden", timeout: 60_000 });
  await card("Up and away").locator("img.loaded").waitFor();
  await screenshot("shared");
});

test("a like counts and survives a reload", async () => {
  const like = () => card("Up and away").locator("button[aria-pressed]").first();
  await like().click();
  await page.waitForFunction(() => {
    const mine = [...document.querySelectorAll(".card")].find((found) => found.textContent.includes("Up and away"));
    return mine?.querySelector("button[aria-pressed=true]")?.textContent.includes("1");
  });
  await reopen("Up and away");
  assert.equal(await like().getAttribute("aria-pressed"), "true");
});

test("a comment is added under the photo", async () => {
  await card("Up and away").locator("button.frame").click();
  const dialog = page.locator("#post-dialog");
  await dialog.waitFor();
  await dialog.locator("[name=text]").fill("Godspeed");
  await dialog.locator("form button[type=submit]").click();
  await dialog.getByText("Godspeed").waitFor();
  await screenshot("post");
  await page.keyboard.press("Escape");
});

test("nothing went wrong on the way", async () => {
  assert.deepEqual(problems, []);
});

test("signing out leads back to the start", async () => {
  await page.locator("#open-me").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.locator(".person").first().waitFor();
});
