// Blurhash decoder, after the format's description at https://blurha.sh.

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

function number(text) {
  let value = 0;
  for (const digit of text) {
    const worth = DIGITS.indexOf(digit);
    if (worth < 0) return null;
    value = value * 83 + worth;
  }
  return value;
}

const toLinear = (byte) => {
  const value = byte / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
};

const toByte = (linear) => {
  const value = Math.min(1, Math.max(0, linear));
  return Math.round(255 * (value <= 0.0031308 ? value * 12.92 : 1.055 * value ** (1 / 2.4) - 0.055));
};

function components(hash) {
  const size = number(hash[0]);
  const columns = (size % 9) + 1;
  const rows = Math.floor(size / 9) + 1;
  if (hash.length !== 4 + 2 * columns * rows) return null;
  const strongest = (number(hash[1]) + 1) / 166;
  const average = number(hash.slice(2, 6));
  const colors = [[toLinear(average >> 16), toLinear((average >> 8) & 255), toLinear(average & 255)]];
  for (let index = 1; index < columns * rows; index++) {
    const packed = number(hash.slice(4 + index * 2, 6 + index * 2));
    const levels = [Math.floor(packed / 361), Math.floor(packed / 19) % 19, packed % 19];
    colors.push(levels.map((level) => {
      const signed = (level - 9) / 9;
      return Math.sign(signed) * signed * signed * strongest;
    }));
  }
  return { columns, rows, colors };
}

/** Paints `hash` into a small canvas, to be stretched; null where it is no blurhash. */
export function blurhashCanvas(hash, width = 32, height = 32) {
  if (typeof hash !== "string" || hash.length < 6 || [...hash].some((digit) => !DIGITS.includes(digit))) return null;
  const parts = components(hash);
  if (!parts) return null;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  canvas.setAttribute("aria-hidden", "true");
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sum = [0, 0, 0];
      for (let row = 0; row < parts.rows; row++) {
        for (let column = 0; column < parts.columns; column++) {
          const weight = Math.cos((Math.PI * x * column) / width) * Math.cos((Math.PI * y * row) / height);
          const color = parts.colors[row * parts.columns + column];
          for (let channel = 0; channel < 3; channel++) sum[channel] += color[channel] * weight;
        }
      }
      const at = 4 * (y * width + x);
      for (let channel = 0; channel < 3; channel++) image.data[at + channel] = toByte(sum[channel]);
      image.data[at + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
