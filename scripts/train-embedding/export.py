"""Writes what was learned as the ONNX file and the card that ship with the source."""

import argparse
import json
import pathlib

import numpy as np
import onnx
import torch

import model
import train


def untrained(features):
    """The same network with random words and a random projection, centred on pictures that it has seen."""
    half = torch.randn(model.WORDS // 2, 3, model.PATCH, model.PATCH)
    features.words.set_book(half)
    return torch.randn(model.DIMENSIONS, features.length)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder of the training")
    parser.add_argument("--random", action="store_true", help="the same network untrained, to compare with")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the .onnx file; its card lies beside it as .json")
    arguments = parser.parse_args()
    torch.manual_seed(train.SEED)
    features = model.Features().eval()
    settings = {}
    with torch.no_grad():
        if arguments.random:
            weight = untrained(features)
            painted = np.load(next(arguments.work.glob("pictures-*.npy")), mmap_mode="r")[:500]
            seen = torch.cat([features(train.normalised([train.squared(picture)])) for picture in painted])
            bias = -weight @ seen.mean(0)
        else:
            learned = torch.load(arguments.work / "learned.pt", weights_only=True)
            features.load_state_dict(learned["features"])
            weight, bias, settings = learned["weight"], learned["bias"], learned["settings"]
    embedder = model.Embedder(features, weight, bias).eval()
    example = torch.zeros(1, 3, model.SIDE, model.SIDE)
    torch.onnx.export(embedder, example, arguments.out, input_names=["picture"], output_names=["vector"], opset_version=17, dynamo=False)
    onnx.checker.check_model(onnx.load(arguments.out))
    card = {
        "name": arguments.out.stem,
        "side": model.SIDE,
        "mean": model.MEAN,
        "deviation": model.DEVIATION,
        "dimensions": model.DIMENSIONS,
        "trained": {"command": "scripts/train-embedder", "seed": train.SEED, **settings},
    }
    arguments.out.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")


if __name__ == "__main__":
    main()
