"""Writes a checkpoint as the ONNX file and the card that ship with the source."""

import argparse
import json
import pathlib

import numpy as np
import torch

import model
import train

HISTOGRAM_WEIGHT = 0.5


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder of the training")
    parser.add_argument("--checkpoint", type=pathlib.Path, help="the last one unless given")
    parser.add_argument("--random", action="store_true", help="the same network untrained, to compare with")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the .onnx file; its card lies beside it as .json")
    parser.add_argument("--histogram-weight", type=float, default=HISTOGRAM_WEIGHT)
    arguments = parser.parse_args()
    torch.manual_seed(train.SEED)
    net = model.Backbone()
    step = 0
    if not arguments.random:
        last = max(arguments.work.glob("checkpoint-*.pt"), key=lambda path: int(path.stem.split("-")[1]))
        saved = torch.load(arguments.checkpoint or last, weights_only=True)
        net.load_state_dict(saved["net"])
        step = saved["step"]
    painted = np.load(next(arguments.work.glob("pictures-*.npy")))[:1000]
    histogram = model.ColourHistogram(train.MEAN, train.DEVIATION)
    batch = train.normalised([picture_at(picture) for picture in painted])
    with torch.no_grad():
        if arguments.random:
            # Its batch norms have seen nothing; a pass over pictures settles them.
            net.train()
            net(batch[:256])
        histogram.usual.copy_(histogram(batch).mean(0))
    embedder = model.Embedder(net, histogram, arguments.histogram_weight).eval()
    example = torch.zeros(1, 3, train.SIDE, train.SIDE)
    torch.onnx.export(embedder, example, arguments.out, input_names=["picture"], output_names=["vector"], opset_version=17, dynamo=False)
    card = {
        "name": arguments.out.stem,
        "side": train.SIDE,
        "mean": train.MEAN,
        "deviation": train.DEVIATION,
        "dimensions": model.LEARNED + model.COLOURS,
        "trained": {"command": "scripts/train-embedder", "steps": step, "seed": train.SEED, "histogram_weight": arguments.histogram_weight},
    }
    arguments.out.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")


def picture_at(picture):
    import cv2

    return cv2.resize(picture, (train.SIDE, train.SIDE), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    main()
