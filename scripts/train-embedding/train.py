"""Trains the default embedding model. See README.md; `python train.py --help` lists the settings."""

import argparse
import math
import pathlib
import time

import cv2
import numpy as np
import torch

import model
import pictures
import views

SEED = 20
SIDE = 80
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TEMPERATURE = 0.1
KOLEO = 0.1


def normalised(batch):
    """Bytes [N, side, side, 3] as the network's input."""
    x = torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2).float() / 255
    x = (x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]
    return x.contiguous(memory_format=torch.channels_last)


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


def contrastive_loss(first, second):
    """InfoNCE in both directions over all views of the batch (NT-Xent), temperature 0.1."""
    z = torch.cat([first, second])
    logits = z @ z.T / TEMPERATURE
    logits.fill_diagonal_(-1e9)
    half = len(first)
    target = torch.cat([torch.arange(half) + half, torch.arange(half)])
    return torch.nn.functional.cross_entropy(logits, target), (logits.argmax(1) == target).float().mean().item()


def koleo_loss(z):
    """Spreads vectors over the sphere: -log of the distance to the nearest other one (Sablayrolles et al. 2019)."""
    with torch.no_grad():
        near = (z @ z.T).fill_diagonal_(-2).argmax(1)
    return -torch.log((z - z[near]).norm(dim=1) + 1e-6).mean()


def learning_rate(step, steps, peak):
    """Warm-up, a plateau, and a linear descent over the last quarter."""
    return peak * min(1, (step + 1) / 200) * min(1, (steps - step) / (steps * 0.25))


def batch_of(painted, step, batch):
    """Two views of `batch` pictures: a function of the seed and the step."""
    rng = np.random.default_rng((SEED, 3, step))
    chosen = rng.choice(len(painted), batch, replace=False)
    others = rng.integers(0, len(painted), (batch, 2))
    first = [views.view(rng, painted[i], painted[o[0]], SIDE, rng.random() < 0.3) for i, o in zip(chosen, others)]
    second = [views.view(rng, painted[i], painted[o[1]], SIDE, True) for i, o in zip(chosen, others)]
    return normalised(first), normalised(second)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for pictures and checkpoints")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--pictures", type=int, default=4000)
    parser.add_argument("--peak", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--resume", type=pathlib.Path, help="checkpoint to go on from; the result is that of an uninterrupted run")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(SEED)
    arguments.work.mkdir(parents=True, exist_ok=True)
    painted = load_pictures(arguments.work, arguments.pictures)
    net = model.Backbone().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=arguments.peak, weight_decay=0.02)
    start = 0
    if arguments.resume:
        saved = torch.load(arguments.resume, weights_only=True)
        net.load_state_dict(saved["net"])
        optimizer.load_state_dict(saved["optimizer"])
        start = saved["step"]
    print(f"{sum(p.numel() for p in net.parameters())} parameters, {len(painted)} pictures", flush=True)
    began, shown, hits = time.time(), 0.0, 0.0
    for step in range(start, arguments.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, arguments.steps, arguments.peak)
        first, second = batch_of(painted, step, arguments.batch)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = net(torch.cat([first, second]).contiguous(memory_format=torch.channels_last))
        z = model.unit(out.float())
        loss, hit = contrastive_loss(z[: len(first)], z[len(first) :])
        total = loss + KOLEO * (koleo_loss(z[: len(first)]) + koleo_loss(z[len(first) :])) / 2
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()
        if not math.isfinite(total.item()):
            raise SystemExit(f"step {step}: the loss is not finite")
        shown, hits = shown + loss.item(), hits + hit
        if (step + 1) % 20 == 0:
            print(f"{step + 1} loss {shown / 20:.3f} hit {hits / 20:.3f} {time.time() - began:.0f} s cpu {time.process_time():.0f} s", flush=True)
            shown, hits = 0.0, 0.0
        if (step + 1) % 100 == 0 or step + 1 == arguments.steps:
            state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}
            torch.save(state, arguments.work / f"checkpoint-{step + 1}.pt")


if __name__ == "__main__":
    main()
