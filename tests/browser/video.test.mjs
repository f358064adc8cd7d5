// Videos from the upload to the player: made as phones make them, processed by the built product, played by the browser.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { signUp } from "./client.mjs";
import { openPage, signIn, startNode } from "./demo.mjs";
import { PLACE, phoneFilm, tenBitFilm, unevenFilm } from "./films.mjs";

let folder;
let films;
let node;
let person;
let browser;
let page;
let problems;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "tessera-films-"));
  const made = Promise.all([phoneFilm(folder), unevenFilm(folder), tenBitFilm(folder)]);
  node = await startNode();
  person = await signUp(node.url, "filmer", "Filmer");
  ({ browser, page, problems } = await openPage());
  films = await made;
});

after(async () => {
  await browser?.close();
  await node?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Plays the video that `find` gives for a second; what it looks like then. */
async function played(video) {
  return video.evaluate(async (element) => {
    element.muted = true;
    await element.play();
    const enough = () => element.currentTime > 1 || element.error || element.ended;
    const until = performance.now() + 20_000;
    while (!enough() && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 50));
    element.pause();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [element.videoWidth, element.videoHeight];
    const context = canvas.getContext("2d");
    context.drawImage(element, 0, 0);
    const pixel = (share) => [...context.getImageData(canvas.width / 2, canvas.height * share, 1, 1).data];
    const { currentTime, duration, videoWidth, videoHeight, currentSrc } = element;
    const error = element.error?.message ?? null;
    return { currentTime, duration, videoWidth, videoHeight, currentSrc, error, above: pixel(0.1), below: pixel(0.9) };
  });
}

async function fetched(url) {
  const reply = await fetch(url);
  assert.equal(reply.status, 200, url);
  return Buffer.from(await reply.arrayBuffer());
}

/** Walks from the master playlist to the files; how many renditions there are. */
async function renditions(master) {
  const lines = async (url) => (await fetched(url)).toString().split("\n").filter((line) => line);
  const uris = (list) => list.filter((line) => !line.startsWith("#"));
  const listed = uris(await lines(master));
  for (const name of listed) {
    const playlist = new URL(name, master);
    const files = new Set(uris(await lines(playlist)));
    assert.ok(files.size > 0, `${playlist} names no segment`);
    for (const file of files) assert.ok((await fetched(new URL(file, playlist))).length > 1_000, file);
  }
  return listed.length;
}

test("a phone's video is shared on the page and plays upright", async () => {
  const [phone] = films;
  assert.ok((await readFile(phone)).includes(PLACE.slice(0, 8)), "the film says where it was taken");
  await page.goto(node.url);
  await signIn(page, person);
  await page.locator("#open-upload").click();
  await page.setInputFiles("#file", phone);
  await page.fill("[name=caption]", "Two colours #film");
  await page.locator("#upload-submit").click();
  await page.locator("#upload-dialog").waitFor({ state: "hidden", timeout: 60_000 });
  const card = page.locator(".card", { hasText: "Two colours" });
  await card.locator("img.loaded").waitFor();
  assert.equal(await card.locator(".kind").innerText(), "Video");
  await card.locator("button.frame").click();
  const video = page.locator("#post-dialog video");
  await video.waitFor();
  const poster = await video.evaluate(async (element) => {
    const image = Object.assign(new Image(), { src: element.poster });
    await image.decode();
    return [image.naturalWidth, image.naturalHeight];
  });
  assert.deepEqual(poster, [360, 640], "the poster stands upright");
  const { height } = await video.boundingBox();
  assert.ok(height > 600, `the player fills its place: ${height}`);
  const seen = await played(video);
  assert.equal(seen.error, null);
  assert.ok(seen.currentTime > 1, JSON.stringify(seen));
  assert.deepEqual([seen.videoWidth, seen.videoHeight], [360, 640], JSON.stringify(seen));
  assert.ok(seen.above[0] > 200 && seen.above[2] < 60, `red above: ${seen.above}`);
  assert.ok(seen.below[2] > 200 && seen.below[0] < 60, `blue below: ${seen.below}`);
  await page.keyboard.press("Escape");
});

test("nothing that the browser is given says where a video was taken", async () => {
  const { items } = await person.call("GET", `/v1/users/${person.user.id}/posts`);
  const { media } = items[0];
  assert.equal(media.has_audio, true);
  for (const url of [media.video, media.large, media.webp]) {
    assert.ok(!(await fetched(url)).includes(PLACE.slice(0, 8)), url);
  }
  assert.ok((await renditions(media.hls)) >= 1);
});

test("videos of uneven frames, of ten bits and without sound play", async () => {
  const posts = await Promise.all(films.slice(1).map((film) => person.share(film)));
  for (const { media } of posts) {
    assert.equal(media.has_audio, false);
    assert.ok((await renditions(media.hls)) >= 1);
    await page.evaluate((url) => {
      const element = Object.assign(document.createElement("video"), { id: "probe", src: url });
      document.getElementById("probe")?.remove();
      document.body.append(element);
    }, media.video);
    const seen = await played(page.locator("#probe"));
    assert.equal(seen.error, null);
    assert.ok(seen.currentTime > 1 && seen.duration > 1.5 && seen.duration < 2.5, JSON.stringify(seen));
    assert.deepEqual([seen.videoWidth, seen.videoHeight], [480, 270]);
  }
});

test("nothing went wrong on the way", () => {
  assert.deepEqual(problems, []);
});
