"""Procedural pictures to learn from: no photograph, no licence, the same every time.

Dead leaves, landscapes of ridges, 1/f noise, fractals, text cards and shapes, as in Baradad et al. 2021,
"Learning to See by Looking at Noise". Every picture is a function of its seed and its number.
"""

import math

import cv2
import numpy as np

SIDE = 208
FIELDS = 320


def power_noise(rng, side, exponent, stretch):
    """A field of 1/f^exponent noise between 0 and 1, stretched along one axis."""
    fy = np.fft.fftfreq(side)[:, None] * stretch
    fx = np.fft.rfftfreq(side)[None, :]
    radius = np.sqrt(fx * fx + fy * fy)
    radius[0, 0] = 1.0
    spectrum = rng.standard_normal(radius.shape) + 1j * rng.standard_normal(radius.shape)
    field = np.fft.irfft2(spectrum / radius**exponent, s=(side, side))
    low, high = np.percentile(field, [1, 99])
    return np.clip((field - low) / (high - low + 1e-9), 0, 1)


def cells(rng, side):
    """Distances to scattered points: cobbles, scales, foam."""
    count = int(rng.integers(8, 120))
    seeds = np.full((side, side), 255, np.uint8)
    seeds[rng.integers(0, side, count), rng.integers(0, side, count)] = 0
    distance = cv2.distanceTransform(seeds, cv2.DIST_L2, 3)
    return np.clip(distance / (distance.max() + 1e-9) * rng.uniform(1, 2), 0, 1)


def waves(rng, side):
    """Stripes and bricks, bent by noise."""
    y, x = np.mgrid[0:side, 0:side] / side
    angle, count = rng.uniform(0, math.pi), rng.uniform(2, 24)
    bend = power_noise(rng, side, 1.8, 1) * rng.choice([0, 0, 0.1, 0.4])
    wave = np.sin(2 * math.pi * count * (x * math.cos(angle) + y * math.sin(angle) + bend))
    if rng.random() < 0.4:
        wave = wave * np.sin(2 * math.pi * count * rng.uniform(0.3, 1.5) * (y * math.cos(angle) - x * math.sin(angle) + bend))
    return 0.5 + 0.5 * np.tanh(wave * rng.uniform(0.5, 5))


def julia(rng, side):
    """The escape times of a Julia set."""
    scale = rng.uniform(0.4, 1.5)
    cx, cy = rng.uniform(-0.6, 0.6, 2)
    y, x = np.mgrid[0:side, 0:side] / side * 2 - 1
    z = (x * scale + cx) + 1j * (y * scale + cy)
    angle = rng.uniform(0, 2 * math.pi)
    c = 0.7885 * np.exp(1j * angle)
    escape = np.zeros((side, side))
    for _ in range(28):
        inside = np.abs(z) < 4
        escape += inside
        z = np.where(inside, z * z + c, z)
    return (escape / 28) ** rng.uniform(0.5, 2)


def flame(rng, side):
    """The density of an iterated function system."""
    maps = rng.uniform(-0.7, 0.7, (int(rng.integers(2, 5)), 2, 2))
    shifts = rng.uniform(-0.7, 0.7, (len(maps), 2))
    points = rng.uniform(-1, 1, (3000, 2))
    density = np.zeros((side, side))
    for step in range(14):
        pick = rng.integers(0, len(maps), len(points))
        points = np.einsum("nij,nj->ni", maps[pick], points) + shifts[pick]
        if step > 2:
            spot = np.clip((points * 0.3 + 0.5) * side, 0, side - 1).astype(int)
            np.add.at(density, (spot[:, 1], spot[:, 0]), 1)
    return np.clip(cv2.GaussianBlur(np.log1p(density), (0, 0), 0.8) / 2, 0, 1)


def make_fields(seed):
    """Grey textures that every picture draws from."""
    fields = []
    for number in range(FIELDS):
        rng = np.random.default_rng((seed, 1, number))
        kind = rng.random()
        if kind < 0.55:
            field = power_noise(rng, SIDE, rng.uniform(0.5, 2.2), math.exp(rng.normal(0, 0.8)))
        elif kind < 0.68:
            field = cells(rng, SIDE)
        elif kind < 0.86:
            field = waves(rng, SIDE)
        elif kind < 0.95:
            field = julia(rng, SIDE)
        else:
            field = flame(rng, SIDE)
        fields.append(field.astype(np.float32))
    return fields


def palette(rng, mood):
    """The 256 colours that a texture runs through: near the mood of its picture, now and then far from it."""
    count = int(rng.integers(2, 5))
    if rng.random() < 0.7:
        hue = mood[0] + rng.normal(0, 0.06, count)
        saturation = np.clip(mood[1] + rng.normal(0, 0.15, count), 0, 1)
    else:
        hue = rng.random() + rng.normal(0, 0.05, count)
        saturation = rng.beta(1.3, 2.2, count)
    centre, spread = rng.beta(1.6, 1.6), rng.uniform(0.05, 0.45)
    value = np.clip(centre + np.linspace(-spread, spread, count) * rng.choice([-1, 1]) + rng.normal(0, 0.05, count), 0.02, 1)
    stops = np.stack([(hue % 1) * 360, saturation, value], 1).astype(np.float32)
    rgb = cv2.cvtColor(stops[None], cv2.COLOR_HSV2RGB)[0]
    at = np.linspace(0, 1, count)
    return np.stack([np.interp(np.linspace(0, 1, 256), at, rgb[:, channel]) for channel in range(3)], 1).astype(np.float32)


def paint(rng, fields, mood):
    """A whole picture's worth of one coloured texture with a slow change of light."""
    field = fields[rng.integers(len(fields))]
    if rng.random() < 0.5:
        field = np.rot90(field, int(rng.integers(4)))
    if rng.random() < 0.6:
        side = int(rng.integers(SIDE // 3, SIDE))
        top, left = rng.integers(0, SIDE - side + 1, 2)
        field = cv2.resize(field[top : top + side, left : left + side], (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    amount = rng.choice([0.1, 0.35, 1.0], p=[0.3, 0.3, 0.4])
    index = np.clip((field * amount + rng.random() * (1 - amount)) * 255, 0, 255).astype(np.uint8)
    painted = palette(rng, mood)[index]
    if rng.random() < 0.6:
        y, x = np.mgrid[-1:1:SIDE * 1j, -1:1:SIDE * 1j]
        angle = rng.uniform(0, 2 * math.pi)
        light = 1 + rng.uniform(0, 0.5) * (x * math.cos(angle) + y * math.sin(angle))
        painted = painted * light[..., None].astype(np.float32)
    return painted


def outline(rng, centre, radius):
    """A blob, a polygon, an ellipse or a bar."""
    kind = rng.random()
    if kind < 0.35:
        angles = np.linspace(0, 2 * math.pi, 24, endpoint=False)
        bumps = 1 + sum(rng.uniform(0, 0.35) / k * np.sin(k * angles + rng.uniform(0, 6.3)) for k in (2, 3, 5))
        points = np.stack([np.cos(angles), np.sin(angles)], 1) * bumps[:, None]
    elif kind < 0.6:
        angles = np.sort(rng.uniform(0, 2 * math.pi, int(rng.integers(3, 8))))
        points = np.stack([np.cos(angles), np.sin(angles)], 1)
    elif kind < 0.8:
        angles = np.linspace(0, 2 * math.pi, 28, endpoint=False)
        points = np.stack([np.cos(angles), np.sin(angles)], 1)
    else:
        points = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float) * 0.8
    points = points * [1, rng.uniform(0.2, 1)]
    turn = rng.uniform(0, math.pi) if rng.random() < 0.7 else 0.0
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    return (points @ rotation.T * radius + centre).astype(np.int32)


def dead_leaves(rng, fields, mood, count, largest):
    """Textured shapes that hide each other, many small and few large."""
    picture = paint(rng, fields, mood)
    paints = [paint(rng, fields, mood) for _ in range(int(rng.integers(3, 8)))]
    sizes = largest * (1 - rng.power(0.6, count) * 0.93)
    for radius in np.sort(sizes)[::-1]:
        mask = np.zeros((SIDE, SIDE), np.uint8)
        points = outline(rng, rng.uniform(0, SIDE, 2), radius)
        cv2.fillPoly(mask, [points], 255, lineType=cv2.LINE_AA)
        x, y, w, h = cv2.boundingRect(points)
        x, y, right, bottom = max(x, 0), max(y, 0), min(x + w, SIDE), min(y + h, SIDE)
        if right <= x or bottom <= y:
            continue
        alpha = mask[y:bottom, x:right, None].astype(np.float32) / 255
        source = paints[rng.integers(len(paints))][y:bottom, x:right]
        shade = rng.uniform(0.6, 1.25)
        tint = 1 + rng.normal(0, 0.08, 3).astype(np.float32)
        if rng.random() < 0.4:
            shade = np.linspace(shade, rng.uniform(0.6, 1.25), bottom - y, dtype=np.float32)[:, None, None]
        picture[y:bottom, x:right] = picture[y:bottom, x:right] * (1 - alpha) + source * shade * tint * alpha
    return picture


def landscape(rng, fields, mood):
    """A sky over ridges, the nearer the rougher, with a few things standing in it."""
    picture = paint(rng, fields, mood)
    level = rng.uniform(0.2, 0.6) * SIDE
    for _ in range(int(rng.integers(1, 5))):
        ridge = np.cumsum(rng.standard_normal(SIDE)) * rng.uniform(0.2, 2.5)
        ridge = cv2.GaussianBlur(ridge[None], (0, 0), rng.uniform(0.5, 8))[0]
        ground = (np.arange(SIDE)[:, None] > level + ridge - ridge.mean())[..., None]
        picture = np.where(ground, paint(rng, fields, mood) * rng.uniform(0.5, 1.2), picture)
        level += rng.uniform(0.05, 0.25) * SIDE
    if rng.random() < 0.6:
        paints = paint(rng, fields, mood)
        for _ in range(int(rng.integers(1, 7))):
            mask = np.zeros((SIDE, SIDE), np.uint8)
            cv2.fillPoly(mask, [outline(rng, rng.uniform(0.1, 0.9, 2) * SIDE, rng.uniform(5, 50))], 255, lineType=cv2.LINE_AA)
            picture += (paints - picture) * (mask[..., None].astype(np.float32) / 255)
    return picture


def card(rng, fields, mood):
    """Blocks and lines of text, as on posters and screens."""
    picture = paint(rng, fields, mood) if rng.random() < 0.5 else np.full((SIDE, SIDE, 3), rng.random(3), np.float32)
    for _ in range(int(rng.integers(0, 5))):
        left, top, right, bottom = rng.integers(0, SIDE, 4)
        left, right, top, bottom = min(left, right), max(left, right) + 1, min(top, bottom), max(top, bottom) + 1
        picture[top:bottom, left:right] = paint(rng, fields, mood)[top:bottom, left:right] if rng.random() < 0.6 else rng.random(3)
    picture = (np.clip(picture, 0, 1) * 255).astype(np.uint8)
    for _ in range(int(rng.integers(1, 12))):
        letters = "".join(chr(int(c)) for c in rng.integers(33, 126, int(rng.integers(2, 18))))
        spot = tuple(int(v) for v in rng.integers(-20, SIDE, 2))
        colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        cv2.putText(picture, letters, spot, int(rng.integers(0, 8)), float(rng.uniform(0.3, 2.2)), colour, int(rng.integers(1, 4)), cv2.LINE_AA)
    return picture.astype(np.float32) / 255


def make_picture(seed, number, fields):
    """The picture of this number: SIDE x SIDE x 3 bytes of sRGB."""
    rng = np.random.default_rng((seed, 2, number))
    mood = (rng.random(), rng.beta(1.5, 2.5))
    kind = rng.random()
    if kind < 0.42:
        picture = dead_leaves(rng, fields, mood, int(rng.integers(20, 90)), rng.uniform(25, 80))
    elif kind < 0.55:
        picture = dead_leaves(rng, fields, mood, int(rng.integers(1, 12)), rng.uniform(40, 110))
    elif kind < 0.77:
        picture = landscape(rng, fields, mood)
    elif kind < 0.9:
        picture = paint(rng, fields, mood)
        if rng.random() < 0.6:
            blend = fields[rng.integers(len(fields))][..., None]
            picture = picture * blend + paint(rng, fields, mood) * (1 - blend)
    else:
        picture = card(rng, fields, mood)
    if rng.random() < 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.5))
    if rng.random() < 0.3:
        picture = picture + rng.normal(0, rng.uniform(0.005, 0.04), picture.shape)
    return np.clip(picture * 255, 0, 255).astype(np.uint8)
