"""The network: fixed filters that know pictures, a learned codebook of patches, a learned projection.

Light and white balance vanish in logarithms less their means; gradients, words of the codebook and colours are pooled over overlapping regions.
A picture and its mirror image give the same vector: only sums of mirrored places and the sizes of their differences go on.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

SIDE = 96
DIMENSIONS = 256
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WORDS, PATCH = 128, 6
ORIENTATIONS = 8
COLOURS = 64
GRID = 6
# Added to a channel before its logarithm: noise in the dark must not become contrast.
DARK = 0.06


def unit(x):
    return x / (x * x).sum(1, keepdim=True).clamp(min=1e-12).sqrt()


def windows(rows, columns, width):
    """Soft overlapping windows over the grid as columns of a matrix: the left ones, and those that mirror them."""

    def weights(count):
        place = (torch.arange(GRID) + 0.5) / GRID
        centre = (torch.arange(count) + 0.5) / count
        soft = torch.exp(-((place[:, None] - centre) ** 2) / (2 * (width / count) ** 2))
        return soft / soft.sum(0)

    both = torch.einsum("yr,xc->yxrc", weights(rows), weights(columns))
    half = (columns + 1) // 2
    left = both[..., :half].reshape(GRID * GRID, -1)
    right = both.flip(1)[..., :half].reshape(GRID * GRID, -1)
    return left, right


class Regions(nn.Module):
    """Pools maps of channels over windows, blind to which of two mirrored pictures it sees."""

    def __init__(self, channels, rows, columns, width, mirror=None):
        super().__init__()
        left, right = windows(rows, columns, width)
        self.register_buffer("left", left)
        self.register_buffer("right", right)
        self.mirror = mirror
        self.length = channels * left.shape[1] * 2

    def forward(self, maps):
        cells = maps.flatten(2)
        mirrored = cells if self.mirror is None else torch.cat([cells[:, self.mirror :], cells[:, : self.mirror]], 1)
        a, b = cells @ self.left, mirrored @ self.right
        return torch.cat([(a + b).flatten(1), (a - b).abs().flatten(1)], 1)


class Light(nn.Module):
    """The picture's colours from 0 to 1, and their logarithms as lightness, red against green, blue against yellow."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None])
        opponents = torch.tensor([[0.3, 0.59, 0.11], [0.8, -0.8, 0.0], [-0.5, -0.5, 1.0]])
        self.register_buffer("opponents", opponents[:, :, None, None])

    def forward(self, x):
        rgb = (x * self.deviation + self.mean).clamp(min=0)
        return rgb, F.conv2d((rgb + DARK).log(), self.opponents)


class Gradients(nn.Module):
    """Shares of orientations in cells, relative to the contrast around them (after Dalal and Triggs 2005)."""

    def __init__(self):
        super().__init__()
        across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
        self.register_buffer("sobel", torch.stack([across, across.T])[:, None])
        angles = (torch.arange(ORIENTATIONS) + 0.5) * math.pi / ORIENTATIONS
        # The second half mirrors the first: the order that Regions expects.
        half = ORIENTATIONS // 2
        angles = torch.cat([angles[:half], math.pi - angles[:half]])
        double = torch.stack([(2 * angles).cos(), (2 * angles).sin()], 1)
        self.register_buffer("directions", double[:, :, None, None])
        self.regions = Regions(ORIENTATIONS, GRID, GRID, 0.6, half)
        self.length = self.regions.length

    def forward(self, light):
        gradient = F.conv2d(light, self.sobel)
        gx, gy = gradient[:, 0:1], gradient[:, 1:2]
        energy = gx * gx + gy * gy
        size = (energy + 1e-5).sqrt()
        turned = torch.cat([(gx * gx - gy * gy), 2 * gx * gy], 1) / (energy + 1e-4)
        shares = F.relu(F.conv2d(turned, self.directions)) ** 2 * size
        cells = pooled(shares)
        around = F.avg_pool2d(cells.sum(1, keepdim=True), 3, 1, 1)
        return unit(self.regions((cells / (around + 0.02)).sqrt()))


class Words(nn.Module):
    """How much each word of a codebook of small patches is there (after Coates and Ng 2011), at three scales."""

    def __init__(self):
        super().__init__()
        self.register_buffer("book", torch.randn(WORDS, 3, PATCH, PATCH))
        self.regions = Regions(WORDS, 3, 2, 0.5, WORDS // 2)
        self.length = 3 * WORDS // 2 + self.regions.length

    def set_book(self, half):
        """Takes one half of the words; the other half are their mirror images. Zero mean per channel, length one."""
        book = torch.cat([half, half.flip(3)])
        book = book - book.mean((2, 3), keepdim=True)
        self.book.copy_(book / book.flatten(1).norm(dim=1)[:, None, None, None])

    def answers(self, opponents, stride):
        """Cosines of patches and words, what exceeds a bound; a patch without contrast answers nothing."""
        mean, square = F.avg_pool2d(opponents, PATCH, stride), F.avg_pool2d(opponents * opponents, PATCH, stride)
        contrast = F.relu((square - mean * mean).sum(1, keepdim=True)) * PATCH**2
        cosine = F.conv2d(opponents, self.book, stride=stride) / (contrast + 0.05).sqrt()
        return F.relu(cosine - 0.25)

    def forward(self, pyramid):
        maps = [pooled(self.answers(level, stride)) for level, stride in zip(pyramid, (2, 2, 1))]
        half = WORDS // 2
        wholes = [level.mean((2, 3)) for level in maps]
        wholes = [unit((whole[:, :half] + whole[:, half:] + 1e-6).sqrt()) for whole in wholes]
        return torch.cat([*wholes, unit((self.regions(sum(maps)) + 1e-6).sqrt())], 1)


class Colours(nn.Module):
    """Shares of softly assigned colours: as they are, and relative to the whole picture's light and contrast."""

    def __init__(self):
        super().__init__()
        steps = torch.linspace(0.1, 0.9, 4)
        self.assign("raw", torch.cartesian_prod(steps, steps, steps), 40.0)
        relative = torch.cartesian_prod(*(torch.tensor([-1.5, -0.5, 0.5, 1.5]) * spread for spread in (1.0, 0.5, 0.6)))
        self.assign("relative", relative, 6.0)
        self.regions = Regions(2 * COLOURS, 3, 2, 0.5)
        self.means = Regions(6, GRID, GRID, 0.6)
        self.length = 2 * COLOURS + self.regions.length + self.means.length

    def assign(self, name, centres, sharpness):
        """Softmax of -sharpness * |x - c|^2, written as a 1x1 convolution."""
        self.register_buffer(f"{name}_weight", (2 * sharpness * centres)[:, :, None, None])
        self.register_buffer(f"{name}_bias", -sharpness * (centres**2).sum(1))

    def forward(self, rgb, opponents):
        rgb, opponents = F.avg_pool2d(rgb, 4), F.avg_pool2d(opponents, 4)
        centred = opponents - opponents.mean((2, 3), keepdim=True)
        contrast = (centred * centred).mean((1, 2, 3), keepdim=True)
        relative = centred / (contrast + 0.01).sqrt()
        shares = [
            softmax(F.conv2d(rgb, self.raw_weight, self.raw_bias)),
            softmax(F.conv2d(relative, self.relative_weight, self.relative_bias)),
        ]
        shares = pooled(torch.cat(shares, 1))
        whole = unit((shares.mean((2, 3)) + 1e-6).sqrt())
        means = unit(self.means(pooled(torch.cat([opponents, relative], 1))))
        return torch.cat([whole, unit((self.regions(shares) + 1e-6).sqrt()), means], 1)


def softmax(maps):
    """Over the channels, spelled out: tract's own operator is twenty times as slow along this axis."""
    exponentials = (maps - maps.amax(1, keepdim=True)).exp()
    return exponentials / exponentials.sum(1, keepdim=True)


def pooled(maps):
    """Means over the cells of the grid, which overlap where the side is no multiple of it."""
    side = int(maps.shape[-1])
    stride = side // GRID
    return F.avg_pool2d(maps, side - stride * (GRID - 1), stride)


class Features(nn.Module):
    """What a picture, normalised by MEAN and DEVIATION, is before the projection."""

    def __init__(self):
        super().__init__()
        self.light = Light()
        self.gradients = nn.ModuleList([Gradients() for _ in range(3)])
        self.words, self.colours = Words(), Colours()
        self.length = sum(part.length for part in [*self.gradients, self.words, self.colours])

    def pyramid(self, x):
        rgb, opponents = self.light(x)
        half = F.avg_pool2d(opponents, 2)
        return rgb, [opponents, half, F.avg_pool2d(half, 2)]

    def forward(self, x):
        rgb, pyramid = self.pyramid(x)
        edges = [part(level[:, :1]) for part, level in zip(self.gradients, pyramid)]
        return torch.cat([*edges, self.words(pyramid), self.colours(rgb, pyramid[0])], 1)


class Embedder(nn.Module):
    """What is exported: features, projected, of length one."""

    def __init__(self, features, weight, bias):
        super().__init__()
        self.features = features
        self.project = nn.Linear(features.length, len(weight))
        self.project.weight.data.copy_(weight)
        self.project.bias.data.copy_(bias)

    def forward(self, x):
        return unit(self.project(self.features(x)))
