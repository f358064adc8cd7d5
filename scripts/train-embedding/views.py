"""What happens to pictures on their way through the world: crops, colours, blur, JPEG, overlays."""

import math

import cv2
import numpy as np


def crop(rng, picture, smallest):
    """A part of at least `smallest` of the area, sides up to 4:3 of each other's share."""
    height, width = picture.shape[:2]
    area = math.exp(rng.uniform(math.log(smallest), 0)) * height * width
    aspect = math.exp(rng.uniform(-0.29, 0.29))
    h = int(np.clip(math.sqrt(area * aspect), 24, height))
    w = int(np.clip(math.sqrt(area / aspect), 24, width))
    top, left = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
    return picture[top : top + h, left : left + w]


def turn(rng, picture, degrees):
    """Turned a little about its middle, enlarged so that no corner is empty."""
    height, width = picture.shape[:2]
    scale = 1 + abs(math.sin(math.radians(degrees)))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


def colours(rng, picture):
    """Brightness, contrast, gamma, white balance, saturation and hue, as filters do."""
    x = picture.astype(np.float32) / 255
    strength = rng.choice([0.5, 1.0])
    if rng.random() < 0.6:
        x = x ** math.exp(rng.uniform(-0.5, 0.5) * strength)
    x = x * math.exp(rng.uniform(-0.45, 0.45) * strength)
    if rng.random() < 0.7:
        x = x * np.exp(rng.uniform(-0.25, 0.25, 3) * strength).astype(np.float32)
    grey = x @ np.array([0.299, 0.587, 0.114], np.float32)
    mean = grey.mean()
    x = (x - mean) * math.exp(rng.uniform(-0.5, 0.4) * strength) + mean
    if rng.random() < 0.7:
        amount = 0.0 if rng.random() < 0.1 else math.exp(rng.uniform(-0.9, 0.6) * strength)
        x = grey[..., None] + (x - grey[..., None]) * amount
    x = np.clip(x, 0, 1)
    if rng.random() < 0.35:
        hsv = cv2.cvtColor(x, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + rng.uniform(-40, 40) * strength) % 360
        x = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    return (x * 255).astype(np.uint8)


def overlay(rng, picture, other):
    """Captions, bars, stickers, frames, or the picture laid upon another one."""
    picture = picture.copy()
    height, width = picture.shape[:2]
    kind = rng.random()
    if kind < 0.35:
        for _ in range(int(rng.integers(1, 4))):
            letters = "".join(chr(int(c)) for c in rng.integers(33, 126, int(rng.integers(3, 14))))
            spot = (int(rng.integers(-10, width // 2)), int(rng.integers(10, height)))
            colour = tuple(int(v) for v in rng.integers(0, 256, 3))
            cv2.putText(picture, letters, spot, int(rng.integers(0, 8)), rng.uniform(0.3, 1.6), colour, int(rng.integers(1, 4)), cv2.LINE_AA)
    elif kind < 0.8:
        w, h = int(width * rng.uniform(0.12, 0.65)), int(height * rng.uniform(0.08, 0.55))
        if rng.random() < 0.35:
            w = width
        left, top = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
        patch = cv2.resize(crop(rng, other, 0.1), (w, h)) if rng.random() < 0.6 else rng.integers(0, 256, 3)
        amount = rng.choice([1.0, 1.0, 0.6])
        part = picture[top : top + h, left : left + w]
        picture[top : top + h, left : left + w] = (part * (1 - amount) + patch * amount).astype(np.uint8)
    else:
        share = rng.uniform(0.55, 0.92)
        w, h = int(width * share), int(height * (share if rng.random() < 0.5 else 1.0))
        ground = cv2.resize(crop(rng, other, 0.1), (width, height)) if rng.random() < 0.4 else np.full_like(picture, rng.integers(0, 256, 3))
        left, top = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
        ground[top : top + h, left : left + w] = cv2.resize(picture, (w, h), interpolation=cv2.INTER_AREA)
        picture = ground
    return picture


def caption(rng, picture):
    """A bar above or below with a line of text."""
    picture = picture.copy()
    height, width = picture.shape[:2]
    bar = int(height * rng.uniform(0.1, 0.28))
    top = height - bar if rng.random() < 0.7 else 0
    ground = int(rng.choice([0, 255, rng.integers(0, 256)]))
    picture[top : top + bar] = ground
    letters = "".join(chr(int(c)) for c in rng.integers(33, 126, int(rng.integers(5, 20))))
    spot = (int(rng.integers(0, width // 4)), top + bar * 2 // 3)
    cv2.putText(picture, letters, spot, int(rng.integers(0, 8)), bar / 50, (255 if ground < 128 else 0,) * 3, max(bar // 20, 1), cv2.LINE_AA)
    return picture


def view(rng, picture, other, side):
    """One altered look at a picture, `side` x `side`: one to four things done to it."""
    chance = rng.choice([0.5, 1.0, 1.5])
    if rng.random() < 0.45 * chance:
        picture = crop(rng, picture, 0.18)
    if rng.random() < 0.15 * chance:
        picture = turn(rng, picture, rng.uniform(-12, 12))
    between = int(rng.integers(side, side * 2))
    shrink = cv2.INTER_AREA if picture.shape[0] > between else cv2.INTER_LINEAR
    picture = cv2.resize(picture, (between, between), interpolation=shrink)
    if rng.random() < 0.2 * chance:
        picture = overlay(rng, picture, other)
    if rng.random() < 0.12 * chance:
        picture = caption(rng, picture)
    kind = rng.random()
    if kind < 0.4 * chance:
        picture = colours(rng, picture)
    elif kind > 1 - 0.07 * chance:
        picture = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    if rng.random() < 0.2 * chance:
        picture = cv2.GaussianBlur(picture, (0, 0), math.exp(rng.uniform(math.log(0.5), math.log(2.2))) * between / side)
    if rng.random() < 0.08 * chance:
        picture = np.clip(picture + rng.normal(0, rng.uniform(3, 14), picture.shape), 0, 255).astype(np.uint8)
    if rng.random() < 0.25 * chance:
        ok, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(12, 70))])
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
