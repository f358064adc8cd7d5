"""Retrieval on natural photos: recall@1 of a model beside the same network untrained and beside a colour histogram with HOG.

    python evaluate.py --photos FOLDER --model ../../src/visual/models/looks.onnx --random random.onnx [--card]

Needs onnxruntime, scikit-image and scikit-learn beside requirements.txt. FOLDER takes the unpacked Debian packages PACKAGES, which
are downloaded (`apt-get download`, `dpkg-deb -x`) where it does not exist; twelve photos more come with scikit-image and scikit-learn.
`export.py --random` writes random.onnx. None of the pictures is trained on. Intervals: 95 %, bootstrap over photos.
"""

import argparse
import json
import pathlib
import subprocess

import cv2
import numpy as np
import onnxruntime
import sklearn
import skimage
from skimage.feature import hog

MEAN, DEVIATION = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
PACKAGES = ("lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04", "mate-backgrounds", "plasma-workspace-wallpapers")
WALLPAPERS = """Bridge_by Dragonfly_by Kleiber_by Picture_0B Picture_1A Wine_by aitzgorri free_by friends_by greentock life_by picosdeeuropa
seeding_by sunset_by nature/Aqua nature/Blinds nature/Dune nature/FreshFlower nature/Garden nature/GreenMeadow nature/LadyBird nature/RainDrops
nature/Storm nature/TwoWings nature/Wood nature/YellowFlower BytheWater/contents/images/ ColdRipple/contents/images/ ColorfulCups/contents/images/
DarkestHour/contents/images/ EveningGlow/contents/images/ FallenLeaf/contents/images/ Grey/contents/images/ Kite/contents/images/
OneStandsOut/contents/images/ Path/contents/images/ summer_1am/contents/images/""".split()
SCIENCE = "astronaut.png chelsea.png coffee.png rocket.jpg camera.png brick.png grass.png gravel.png motorcycle_left.png hubble_deep_field.jpg".split()


def download(folder):
    folder.mkdir(parents=True)
    subprocess.run(["apt-get", "download", *PACKAGES], cwd=folder, check=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package.name, "."], cwd=folder, check=True)


def photos(folder):
    """The photos among the packages' pictures and the samples, at 640 pixels."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".jpg", ".png") and not path.is_symlink())
    chosen = [next(path for path in files if name in str(path)) for name in WALLPAPERS]
    data = pathlib.Path(skimage.__file__).parent / "data"
    chosen += [data / name for name in SCIENCE]
    chosen += [pathlib.Path(sklearn.__file__).parent / "datasets/images" / name for name in ("china.jpg", "flower.jpg")]
    for path in chosen:
        picture = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        scale = 640 / max(picture.shape)
        size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
        yield cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def crop(p, rng, share):
    h, w = (int(side * share**0.5) for side in p.shape[:2])
    top, left = rng.integers(0, p.shape[0] - h + 1), rng.integers(0, p.shape[1] - w + 1)
    return p[top : top + h, left : left + w]


def shift_colours(p, rng):
    hsv = cv2.cvtColor(p.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + rng.choice([-1, 1]) * rng.uniform(10, 25)) % 360
    hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(0.6, 1.5), 0, 1)
    x = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * np.exp(rng.uniform(-0.15, 0.15, 3))
    return (np.clip(x, 0, 1) * 255).astype(np.uint8)


def light(p, rng):
    gain, gamma = np.exp(rng.uniform(-0.4, 0.4)), np.exp(rng.uniform(-0.4, 0.4))
    return (np.clip((p / 255) ** gamma * gain, 0, 1) * 255).astype(np.uint8)


def caption(p, rng):
    p = p.copy()
    h, w = p.shape[:2]
    p[int(h * 0.8) :] = 0
    cv2.putText(p, "when it is Monday", (w // 20, int(h * 0.93)), cv2.FONT_HERSHEY_SIMPLEX, w / 420, (255, 255, 255), max(w // 200, 1), cv2.LINE_AA)
    return p


def sticker(p, rng):
    p = p.copy()
    h, w = p.shape[0] * 2 // 5, p.shape[1] * 2 // 5
    top, left = rng.integers(0, p.shape[0] - h), rng.integers(0, p.shape[1] - w)
    p[top : top + h, left : left + w] = rng.integers(0, 256, 3)
    return p


def jpeg(p, rng):
    data = cv2.imencode(".jpg", p[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 30])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def tilt(p, rng):
    h, w = p.shape[:2]
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), rng.choice([-7, 7]), 1.15)
    return cv2.warpAffine(p, matrix, (w, h), borderMode=cv2.BORDER_REFLECT)


ALTERATIONS = {
    "crop to 60 % of the area": lambda p, rng: crop(p, rng, 0.6),
    "crop to 30 %": lambda p, rng: crop(p, rng, 0.3),
    "flip": lambda p, rng: np.ascontiguousarray(p[:, ::-1]),
    "colour shift": shift_colours,
    "brightness and gamma": light,
    "grey": lambda p, rng: np.repeat(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY)[..., None], 3, 2),
    "blur": lambda p, rng: cv2.GaussianBlur(p, (0, 0), max(p.shape) / 90),
    "JPEG quality 30": jpeg,
    "caption bar": caption,
    "sticker on 16 %": sticker,
    "scale to a fifth": lambda p, rng: cv2.resize(p, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA),
    "tilt by 7 degrees": tilt,
}


def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)


def network(file):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options)
    side = session.get_inputs()[0].shape[2]

    def embed(p):
        x = (cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA) / np.float32(255) - MEAN) / DEVIATION
        return session.run(None, {session.get_inputs()[0].name: x.transpose(2, 0, 1)[None].astype(np.float32)})[0][0]

    return embed


def hand_made(p):
    small = cv2.resize(p, (64, 64), interpolation=cv2.INTER_AREA)
    hsv = cv2.cvtColor(small, cv2.COLOR_RGB2HSV)
    colours = np.sqrt(cv2.calcHist([hsv], [0, 1, 2], None, [8, 4, 4], [0, 180, 0, 256, 0, 256]).ravel())
    shapes = hog(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), 9, (8, 8), (2, 2))
    return np.concatenate([unit(colours[None])[0], unit(shapes[None])[0]])


def found(embed, gallery, altered):
    """[alteration, picture]: whether the altered picture's nearest neighbour among the originals is its original."""
    index = unit(np.stack([embed(p) for p in gallery]))
    return np.stack([(unit(np.stack([embed(p) for p in changed])) @ index.T).argmax(1) == np.arange(len(index)) for changed in altered])


def interval(values, owner):
    """Per cent and its 95 % interval: photos are drawn, with all that belongs to them."""
    photo_count = owner.max() + 1
    draws = np.random.default_rng(1).integers(0, photo_count, (2000, photo_count))
    per_photo = np.array([values[:, owner == number].mean() for number in range(photo_count)])
    low, high = np.percentile(per_photo[draws].mean(1) * 100, [2.5, 97.5])
    return f"{values.mean() * 100:.1f} ({low:.1f} to {high:.1f})"


def report(title, hits, owner):
    print(f"\n## {title}\n\n| alteration | " + " | ".join(hits) + " |\n|" + "---|" * (len(hits) + 1))
    for row, name in enumerate(ALTERATIONS):
        print(f"| {name} | " + " | ".join(f"{h[row].mean() * 100:.0f}" for h in hits.values()) + " |")
    figures = {method: interval(h, owner) for method, h in hits.items()}
    print("| **all** | " + " | ".join(figures.values()) + " |")
    for rival in list(hits)[1:]:
        figures[f"model less {rival}, points"] = interval(hits["model"].astype(float) - hits[rival], owner)
        print(f"model less {rival}: {figures[f'model less {rival}, points']} points", flush=True)
    return figures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--random", type=pathlib.Path, required=True)
    parser.add_argument("--card", action="store_true", help="write the figures into the model's card")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if not arguments.photos.exists():
        download(arguments.photos)
    whole = list(photos(arguments.photos))
    tiles = []
    for p in whole:
        h, w = p.shape[0] // 3, p.shape[1] // 3
        tiles += [p[y * h : (y + 1) * h, x * w : (x + 1) * w] for y in range(3) for x in range(3)]
    owners = np.arange(len(whole))
    methods = {"model": network(arguments.model), "random network": network(arguments.random), "histogram + HOG": hand_made}
    figures = {}
    for title, gallery, owner in ((f"{len(whole)} photos", whole, owners), (f"{len(tiles)} tiles", tiles, owners.repeat(9))):
        rng = np.random.default_rng(7)
        altered = [[change(p, rng) for p in gallery] for change in ALTERATIONS.values()]
        hits = {method: found(embed, gallery, altered) for method, embed in methods.items()}
        figures[title] = report(title, hits, owner)
    if arguments.card:
        file = arguments.model.with_suffix(".json")
        card = json.loads(file.read_text())
        card["recall_at_1"] = {"how": "scripts/train-embedding/evaluate.py: per cent, 95 % bootstrap over photos", **figures}
        file.write_text(json.dumps(card, indent=2) + "\n")


if __name__ == "__main__":
    main()
