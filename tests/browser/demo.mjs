// The binary's demo, or a node alone, as a child process in a temporary folder, and a browser that looks at it.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const binary = process.env.TESSERA_BIN ?? new URL("../../target/debug/tessera", import.meta.url).pathname;
// A development build on a busy machine paints and processes sixty pictures within this.
const readyLimitMs = 240_000;

/** Starts a demo on free ports; resolves once its world is in. */
export const startDemo = () => start("demo");

/** Starts a node with nobody in it. */
export const startNode = () => start("serve");

async function start(command) {
  const folder = await mkdtemp(join(tmpdir(), "tessera-browser-"));
  const sets = [`data_dir=${folder}/data`, "http.listen=127.0.0.1:0", "admin.listen=127.0.0.1:0", "log.level=warn"];
  const child = spawn(binary, [command, ...sets.flatMap((set) => ["--set", set])], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const stop = async () => {
    child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  };
  process.once("exit", () => child.kill("SIGKILL"));
  try {
    return { url: await readyUrl(child), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function readyUrl(child) {
  const timeout = setTimeout(() => child.kill("SIGKILL"), readyLimitMs);
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const url = line.match(/^ready http=(\S+)/)?.[1];
      if (url) return url;
    }
  } finally {
    clearTimeout(timeout);
  }
  throw new Error(`the node ended, or was not ready within ${readyLimitMs / 1000} s`);
}

/** Opens a page and collects everything that went wrong on it. */
export async function openPage() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_BIN ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  page.setDefaultTimeout(30_000);
  const problems = [];
  page.on("pageerror", (error) => problems.push(`page error: ${error.stack}`));
  page.on("console", (message) => {
    // A node without a demo has no people to offer.
    const isExpected = message.location().url.endsWith("/demo/people.json");
    if (message.type() === "error" && !isExpected) problems.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on("requestfailed", (request) => {
    // What the page itself gives up when it moves on is no failure.
    if (request.failure()?.errorText !== "net::ERR_ABORTED") problems.push(`request failed: ${request.url()}`);
  });
  return { browser, page, problems };
}

/** Signs `person` in by the form. */
export async function signIn(page, person) {
  const details = page.locator("#account");
  await details.waitFor();
  if (!(await details.evaluate((element) => element.open))) await details.locator("summary").click();
  await page.fill("[name=username]", person.user.username);
  await page.fill("[name=password]", person.password);
  await page.locator("#account-submit").click();
  await page.locator("#bar").waitFor();
}
