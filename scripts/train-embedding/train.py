"""Trains the default embedding model. See README.md; `python train.py --help` lists the settings."""

import argparse
import pathlib
import time

import cv2
import numpy as np
import torch

import model
import pictures
import views

SEED = 20
# Tiles of one picture share its palette: they are what is hard to tell apart.
TILES = 2


def normalised(batch):
    """Bytes [N, side, side, 3] as the network's input."""
    x = torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2).float() / 255
    return (x - torch.tensor(model.MEAN)[:, None, None]) / torch.tensor(model.DEVIATION)[:, None, None]


def squared(picture):
    """A picture as the network takes it: stretched to a square."""
    return cv2.resize(picture, (model.SIDE, model.SIDE), interpolation=cv2.INTER_AREA)


def load_pictures(folder, count):
    """The training pictures: painted once, then kept in the work folder."""
    kept = folder / f"pictures-{count}.npy"
    if not kept.exists():
        fields = pictures.make_fields(SEED)
        painted = np.empty((count, pictures.SIDE, pictures.SIDE, 3), np.uint8)
        for number in range(count):
            painted[number] = pictures.make_picture(SEED, number, fields)
        np.save(kept, painted)
    return np.load(kept)


def subjects(painted):
    """What is to be told apart: the first two thirds of the pictures whole, the rest in tiles."""
    whole = len(painted) * 2 // 3
    side = pictures.SIDE // TILES
    tiles = [
        picture[y * side : (y + 1) * side, x * side : (x + 1) * side]
        for picture in painted[whole:]
        for y in range(TILES)
        for x in range(TILES)
    ]
    return [*painted[:whole], *tiles]


def learn_book(features, painted, rounds=12):
    """Spherical k-means over patches at the three scales; a word stands for its mirror image too."""
    rng = np.random.default_rng((SEED, 4))
    patches = []
    for picture in painted:
        x = normalised([squared(picture)])
        for level in features.pyramid(x)[1]:
            for top, left in rng.integers(0, level.shape[-1] - model.PATCH + 1, (12, 2)):
                patches.append(level[0, :, top : top + model.PATCH, left : left + model.PATCH])
    patches = torch.stack(patches)
    patches = patches - patches.mean((2, 3), keepdim=True)
    length = patches.flatten(1).norm(dim=1)
    patches = patches[length > 0.3] / length[length > 0.3][:, None, None, None]
    words = patches[torch.from_numpy(rng.choice(len(patches), model.WORDS // 2, replace=False))]
    mirrored = patches.flip(3)
    for _ in range(rounds):
        as_is, turned = (kind.flatten(1) @ words.flatten(1).T for kind in (patches, mirrored))
        best = torch.maximum(as_is, turned).argmax(1)
        rows = torch.arange(len(patches))
        chosen = torch.where((as_is[rows, best] >= turned[rows, best])[:, None, None, None], patches, mirrored)
        words = torch.zeros_like(words).index_add_(0, best, chosen)
        words = words / words.flatten(1).norm(dim=1).clamp(min=1e-6)[:, None, None, None]
    features.words.set_book(words)


def features_of(features, subjects, looks):
    """[subject, look, feature]: the first look is the subject as it is, the others are altered ones."""
    rng = np.random.default_rng((SEED, 3))
    kept = np.empty((len(subjects), looks, features.length), np.float16)
    began = time.time()
    for number, picture in enumerate(subjects):
        batch = [squared(picture)]
        for _ in range(looks - 1):
            batch.append(views.view(rng, picture, subjects[rng.integers(len(subjects))], model.SIDE))
        kept[number] = features(normalised(batch)).numpy()
        if (number + 1) % 500 == 0:
            print(f"features of {number + 1} subjects, {time.time() - began:.0f} s", flush=True)
    return kept


def discriminant(kept, shrink):
    """Linear discriminant analysis: what differs between subjects, relative to what alterations of one do to it."""
    size = kept.shape[2]
    within, between, count = torch.zeros(size, size), torch.zeros(size, size), 0
    mean = torch.from_numpy(kept.astype(np.float32).mean((0, 1)))
    for start in range(0, len(kept), 200):
        part = torch.from_numpy(kept[start : start + 200]).float() - mean
        apart = (part[:, 1:] - part[:, :1]).reshape(-1, size)
        within += apart.T @ apart / 2
        flat = part.reshape(-1, size)
        between += flat.T @ flat
        count += len(apart)
    within, between = within / count, between / (len(kept) * kept.shape[1])
    within += torch.eye(size) * within.diagonal().mean() * shrink
    whiten = torch.linalg.inv(torch.linalg.cholesky(within))
    values, vectors = torch.linalg.eigh(whiten @ between @ whiten.T)
    best = vectors[:, -model.DIMENSIONS :].flip(1)
    weight = best.T @ whiten
    return weight, -weight @ mean, values.flip(0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for pictures and what was learned")
    parser.add_argument("--pictures", type=int, default=4000)
    parser.add_argument("--looks", type=int, default=6, help="per subject, the unaltered one counted")
    parser.add_argument("--shrink", type=float, default=0.03, help="of the covariance within subjects, towards a sphere")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(SEED)
    arguments.work.mkdir(parents=True, exist_ok=True)
    painted = load_pictures(arguments.work, arguments.pictures)
    features = model.Features().eval()
    with torch.no_grad():
        learn_book(features, painted[:1500])
        kept = features_of(features, subjects(painted), arguments.looks)
        weight, bias, values = discriminant(kept, arguments.shrink)
    print(f"{kept.shape} features, discriminants {values[0]:.1f} to {values[model.DIMENSIONS - 1]:.2f}", flush=True)
    settings = {"pictures": len(painted), "subjects": len(kept), "looks": arguments.looks, "shrink": arguments.shrink}
    torch.save({"features": features.state_dict(), "weight": weight, "bias": bias, "settings": settings}, arguments.work / "learned.pt")


if __name__ == "__main__":
    main()
