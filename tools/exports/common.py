"""What the PyTorch scripts share: pictures, lively random weights, and (from cases.py) the check and the case's files."""

import torch

from cases import compare, save, session  # noqa: F401  (used by the scripts as common.NAME)

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def pictures(frames, height, width, seed=1, noise=0.0):
    """Smooth random pictures, each a little different from the one before; the largest value is exactly 1, because
    U2Net's code divides by the picture's maximum and others by 255: both mean the same then. For BatchNorm's statistics
    pictures need some noise: smooth ones make it amplify rounding errors."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 9, 9, generator=random)
    fine = torch.rand(1, 3, 33, 33, generator=random)
    step = torch.rand(1, 3, 9, 9, generator=random) - 0.5
    out = []
    for frame in range(frames):
        big = torch.nn.functional.interpolate(coarse + step * 0.08 * frame, (height, width), mode="bicubic")
        small = torch.nn.functional.interpolate(fine, (height, width), mode="bicubic")
        picture = (0.75 * big + 0.35 * torch.roll(small, 4 * frame, 3) - 0.05).clamp(0, 1)
        if noise:
            picture = (picture + noise * torch.randn(picture.shape, generator=random)).clamp(0, 1)
        out.append(picture / picture.amax())
    return torch.cat(out)


def normalized(picture, mean, std):
    """[N, 3, H, W] in 0..1 to what the network takes."""
    shape = (1, 3, 1, 1)
    return (picture - torch.tensor(mean).view(shape)) / torch.tensor(std).view(shape)


def settle(net, run, passes=1):
    """Gives BatchNorm the statistics of the pictures, so that random weights keep the values of the layers in bounds."""
    norms = [m for m in net.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the passes
    net.eval()
    for norm in norms:
        norm.train()
    with torch.no_grad():
        for _ in range(passes):
            run()
    net.eval()


def spread(layer, run, std=1.5, mean=0.0):
    """Scales the last layer so that what it gives has this mean and deviation: neither constant nor saturated."""
    seen = []
    hook = layer.register_forward_hook(lambda _, __, out: seen.append(out.detach()))
    with torch.no_grad():
        run()
    hook.remove()
    out = torch.cat([o.flatten(2) for o in seen], 2)
    at, by = out.mean((0, 2)), out.std((0, 2)) + 1e-12
    factor = std / by
    with torch.no_grad():
        layer.weight *= factor.view(-1, *[1] * (layer.weight.dim() - 1))
        if layer.bias is not None:
            layer.bias.copy_((layer.bias - at) * factor + mean)


def stretched(matte):
    """The min-max stretch of the salient-object networks, frame by frame."""
    low = matte.amin((-2, -1), keepdim=True)
    return (matte - low) / (matte.amax((-2, -1), keepdim=True) - low)
