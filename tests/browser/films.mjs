// Films as phones and recorders make them, by ffmpeg.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const ffmpeg = (...words) => run("ffmpeg", ["-v", "error", "-y", ...words.flatMap((word) => word.split(" "))]);

/** Where the phone's film was taken, as QuickTime notes it. */
export const PLACE = "+48.8584+002.2945/";

/** HEVC where this ffmpeg can encode it. */
async function phoneCodec() {
  const { stdout } = await run("ffmpeg", ["-v", "error", "-encoders"]);
  const hevc = "-c:v libx265 -preset ultrafast -x265-params log-level=error -tag:v hvc1";
  return stdout.includes("libx265") ? hevc : "-c:v libx264 -preset ultrafast";
}

/**
 * A film as a phone held upright stores it: lying on its side with a note to turn it, with sound and a place. Turned, it is
 * 360 pixels wide and 640 high, red above and blue below.
 */
export async function phoneFilm(folder) {
  const lying = join(folder, "lying.mp4");
  const film = join(folder, "phone.mp4");
  const picture = "-f lavfi -i color=red:s=320x360:d=2:r=25 -f lavfi -i color=blue:s=320x360:d=2:r=25 -f lavfi -i sine=d=2";
  await ffmpeg(picture, "-filter_complex [1][0]hstack -pix_fmt yuv420p", await phoneCodec(), "-c:a aac -shortest", lying);
  // This option's 90 degrees are those against the clock: what lies on the right comes up.
  const notes = `-metadata:s:v:0 rotate=90 -metadata location=${PLACE}`;
  await ffmpeg("-i", lying, "-c copy", notes, "-movflags +use_metadata_tags", film);
  return film;
}

/** Frames at uneven times, and no sound. */
export async function unevenFilm(folder) {
  const film = join(folder, "uneven.mp4");
  await ffmpeg("-f lavfi -i testsrc2=s=480x270:d=2:r=30 -vf select=lt(n\\,20)+not(mod(n\\,7)) -fps_mode vfr",
    "-c:v libx264 -preset ultrafast -pix_fmt yuv420p", film);
  return film;
}

/** Ten bits a sample, which few browsers play as they are. */
export async function tenBitFilm(folder) {
  const film = join(folder, "ten-bits.mp4");
  await ffmpeg("-f lavfi -i testsrc2=s=480x270:d=2:r=25 -c:v libx264 -preset ultrafast -pix_fmt yuv420p10le", film);
  return film;
}
