"""The network: dense convolutions, pooled at two depths, with a soft colour histogram appended."""

import torch
from torch import nn
from torch.nn import functional as F

LEARNED = 192
COLOURS = 64


def block(inputs, outputs, stride):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Pool(nn.Module):
    """Generalised mean over the picture (Radenovic et al. 2018), the power fixed at 3."""

    def forward(self, x):
        return (x.clamp(min=1e-4) ** 3).mean(dim=(2, 3)) ** (1 / 3)


class Backbone(nn.Module):
    """Learned part: a picture, normalised to about [-2, 2], becomes LEARNED numbers."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(block(3, 32, 2), block(32, 64, 2), block(64, 96, 1))
        self.middle = block(96, 128, 2)
        self.deepen = block(128, 128, 1)
        self.top = block(128, 208, 2)
        self.pool = Pool()
        self.head = nn.Linear(96 + 128 + 208, LEARNED)

    def forward(self, x):
        low = self.stem(x)
        middle = self.middle(low)
        middle = middle + self.deepen(middle)
        top = self.top(middle)
        return self.head(torch.cat([self.pool(low), self.pool(middle), self.pool(top)], 1))


class ColourHistogram(nn.Module):
    """Shares of COLOURS softly assigned colours (square roots, less their mean over the training pictures)."""

    def __init__(self, mean, deviation):
        super().__init__()
        steps = torch.linspace(0.1, 0.9, 4)
        centres = torch.cartesian_prod(steps, steps, steps)
        # Softmax of -sharpness * |x - c|^2, written as a 1x1 convolution over the normalised picture.
        sharpness = 40.0
        mean, deviation = torch.tensor(mean), torch.tensor(deviation)
        self.register_buffer("weight", (2 * sharpness * centres * deviation)[:, :, None, None])
        self.register_buffer("bias", sharpness * (2 * (centres * mean).sum(1) - (centres**2).sum(1)))
        self.register_buffer("usual", torch.zeros(COLOURS))

    def forward(self, x):
        shares = F.softmax(F.conv2d(F.avg_pool2d(x, 4), self.weight, self.bias), 1).mean(dim=(2, 3))
        return (shares + 1e-6).sqrt() - self.usual


class Embedder(nn.Module):
    """What is exported: both parts, each of length one, the second weighed, together of length one."""

    def __init__(self, backbone, histogram, weight):
        super().__init__()
        self.backbone, self.histogram, self.weight = backbone, histogram, weight

    def forward(self, x):
        learned = unit(self.backbone(x))
        return unit(torch.cat([learned, unit(self.histogram(x)) * self.weight], 1))


def unit(x):
    return x / (x * x).sum(1, keepdim=True).clamp(min=1e-12).sqrt()
