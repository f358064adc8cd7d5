// The rival of `tessera bench media`: the same outputs by sharp (libvips) in its fastest fair form - one decode of a photo, shrunk as it is decoded, and every smaller
// size from the larger one. Measured as worker.rs is: first line the folder for the outputs, then photos, a blank line; `ready` after a warm-up; on the next line all
// photos; `done`; ends with its input.
//
// node sharp.mjs ladder IN_FLIGHT EFFORT CHROMA
// node sharp.mjs decode: each line a file, which is written beside itself as PNG with `.png` behind its name; a blank line; `done`.
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import sharp from 'sharp';

const [task, inFlight, effort, chromaSubsampling] = process.argv.slice(2);
sharp.concurrency(1);
sharp.cache(false);

const box = (side) => ({ width: side, height: side, fit: 'inside', withoutEnlargement: true });
const pixels = (picture) => picture.raw().toBuffer({ resolveWithObject: true });
const from = ({ data, info: { width, height, channels } }) => sharp(data, { raw: { width, height, channels } });

async function ladder(photo) {
  const large = await pixels(sharp(photo).autoOrient().resize(box(1080)));
  const medium = await pixels(from(large).resize(box(640)));
  const square = { width: 150, height: 150, fit: 'cover', position: 'attention' };
  return {
    'medium.avif': await from(medium).avif({ quality: 75, effort: Number(effort), chromaSubsampling }).toBuffer(),
    'medium.webp': await from(medium).webp({ quality: 80 }).toBuffer(),
    'large.jpg': await from(large).jpeg({ quality: 85 }).toBuffer(),
    'medium.jpg': await from(medium).jpeg({ quality: 85 }).toBuffer(),
    'thumbnail.jpg': await from(medium).resize(square).jpeg({ quality: 80 }).toBuffer(),
  };
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => (await lines.next()).value;
const folder = task === 'decode' ? '' : await next();
const files = [];
for (let line = await next(); line; line = await next()) files.push(line);

if (task === 'decode') {
  for (const file of files) await sharp(file).png().toFile(`${file}.png`);
} else {
  await ladder(files[0]);
  console.log('ready');
  await next();
  const work = files.entries();
  const worker = async () => {
    for (const [index, photo] of work) {
      for (const [name, bytes] of Object.entries(await ladder(photo))) await writeFile(`${folder}/${index}-${name}`, bytes);
    }
  };
  await Promise.all(Array.from({ length: Number(inFlight) }, worker));
}
console.log('done');
while (await next() !== undefined);
process.exit(0);
