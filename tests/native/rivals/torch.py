"""PyTorch programs as its users write them; see test_own_classes.py."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

OPTIMIZERS = {
    "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSProp", "SGD",
}  # fmt: skip
LOSSES = {
    "binary_cross_entropy", "cosine", "cross_entropy", "huber", "kl_div", "l1", "mse",
    "multi_margin", "nll", "smooth_l1", "triplet",
}  # fmt: skip
FEATURES = {"clip_norm", "clip_value", "factors", "decay_on"}


def optimizer_of(rule, groups):
    match rule.type:
        case "SGD":
            return torch.optim.SGD(
                groups, rule.lr, rule.momentum, rule.dampening, rule.weight_decay,
                rule.nesterov,
            )  # fmt: skip
        case "Adam" | "AdamW":
            return getattr(torch.optim, rule.type)(
                groups, rule.lr, (rule.beta1, rule.beta2), rule.eps, rule.weight_decay,
                rule.amsgrad,
            )  # fmt: skip
        case "Adamax":
            return torch.optim.Adamax(
                groups, rule.lr, (rule.beta1, rule.beta2), rule.eps, rule.weight_decay
            )
        case "NAdam":
            return torch.optim.NAdam(
                groups, rule.lr, (rule.beta1, rule.beta2), rule.eps, rule.weight_decay,
                rule.momentum_decay, rule.decoupled_weight_decay,
            )  # fmt: skip
        case "RAdam":
            return torch.optim.RAdam(
                groups, rule.lr, (rule.beta1, rule.beta2), rule.eps, rule.weight_decay,
                rule.decoupled_weight_decay,
            )  # fmt: skip
        case "RMSProp":
            return torch.optim.RMSprop(
                groups, rule.lr, rule.alpha, rule.eps, rule.weight_decay, rule.momentum,
                rule.centered,
            )  # fmt: skip
        case "Adagrad":
            return torch.optim.Adagrad(
                groups, rule.lr, rule.lr_decay, rule.weight_decay,
                rule.initial_accumulator_value, rule.eps,
            )  # fmt: skip
        case "Adadelta":
            return torch.optim.Adadelta(
                groups, rule.lr, rule.rho, rule.eps, rule.weight_decay
            )


def rate_of(optimizer):
    groups = optimizer.param_groups
    rates = [group["lr"] / group.get("lr_multiplier", 1.0) for group in groups]
    assert np.allclose(rates, rates[0], rtol=1e-12)
    return rates[0]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(5, 7)
        self.fc2 = nn.Linear(7, 4)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x)))


def train(rule, weights, batches, dtype, rates, clip=None, factors=None):
    model = Net().to(getattr(torch, dtype))
    model.load_state_dict({k: torch.from_numpy(w.copy()) for k, w in weights.items()})
    groups, factors = [], factors or {}
    for name, p in model.named_parameters():
        of_rate, of_decay = factors.get(name, (1.0, 1.0))
        decays = rule.decay_on == "all" or p.dim() > 1
        decay = rule.weight_decay * of_decay if decays else 0.0
        groups.append({"params": [p], "factor": of_rate, "weight_decay": decay})
    optimizer, criterion = optimizer_of(rule, groups), nn.MSELoss()
    after = []
    for (x, y), rate in zip(batches, rates, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        optimizer.zero_grad()
        criterion(model(torch.from_numpy(x)), torch.from_numpy(y)).backward()
        if clip is not None:
            name, bound = clip
            clipped = {
                "clip_norm": nn.utils.clip_grad_norm_,
                "clip_value": nn.utils.clip_grad_value_,
            }
            clipped[name](model.parameters(), bound)
        optimizer.step()
        after.append(
            {n: p.detach().numpy().copy() for n, p in model.named_parameters()}
        )
    return after


def loss(loss, weight, x, target, dtype):
    make = nn.Linear if x.ndim == 2 else nn.Conv2d
    size = () if x.ndim == 2 else (1,)
    layer = make(weight.shape[1], weight.shape[0], *size, bias=False)
    layer.to(getattr(torch, dtype))
    layer.load_state_dict({"weight": torch.from_numpy(weight.copy())})
    criterion = criterion_of(loss, getattr(torch, dtype), x.ndim - 2)
    if criterion is None or (loss.type == "nll" and target.dtype.kind == "f"):
        return None
    value = criterion(layer(torch.from_numpy(x)), torch.from_numpy(target))
    value.backward()
    return value.item(), layer.weight.grad.numpy()


def criterion_of(loss, dtype, axes):
    def vector(name, rank=0):
        values = getattr(loss, name)
        if values is None:
            return None
        return torch.tensor(values, dtype=dtype).reshape(-1, *[1] * rank)

    match loss.type:
        case "cross_entropy" | "nll":
            weight = getattr(loss, "class_weights", None)
            options = {"weight": weight and torch.tensor(weight, dtype=dtype)}
            if loss.ignore_index is not None:
                options["ignore_index"] = loss.ignore_index
            if loss.type == "cross_entropy":
                return nn.CrossEntropyLoss(
                    label_smoothing=loss.label_smoothing, **options
                )
            return None if loss.label_smoothing else nn.NLLLoss(**options)
        case "binary_cross_entropy":
            if loss.label_smoothing:
                return None
            several = loss.pos_weight is not None and len(loss.pos_weight) > 1
            weight = vector("pos_weight", axes * several)
            if weight is not None and not several:
                weight = weight.reshape(1)
            return nn.BCEWithLogitsLoss(pos_weight=weight)
        case "cosine":
            return lambda x, y: (1 - nn.functional.cosine_similarity(x, y)).mean()
        case "huber":
            return nn.HuberLoss(delta=loss.delta)
        case "smooth_l1":
            return nn.SmoothL1Loss(beta=loss.beta)
        case "kl_div":
            reduction = "batchmean" if loss.batchmean else "mean"
            return nn.KLDivLoss(reduction=reduction, log_target=loss.log_target)
        case "multi_margin":
            weight = loss.class_weights and torch.tensor(
                loss.class_weights, dtype=dtype
            )
            return nn.MultiMarginLoss(p=loss.p, margin=loss.margin, weight=weight)
        case "triplet":
            criterion = nn.TripletMarginLoss(
                margin=loss.margin, p=loss.p, eps=loss.eps, swap=loss.swap
            )
            return lambda x, y: criterion(*x.chunk(3, dim=1))
        case "l1":
            return nn.L1Loss()
        case "mse":
            return nn.MSELoss()


def noise(layer, x, seed):
    torch.manual_seed(seed)
    x = torch.from_numpy(x)
    match layer.type:
        case "Dropout":
            y = nn.Dropout(layer.p)(x)
        case "SpatialDropout2D":
            y = nn.Dropout2d(layer.p)(x)
        case "DropPath":  # as torchvision's StochasticDepth, of rows
            y = x * nn.Dropout(layer.p)(torch.ones(len(x), 1, 1, 1, dtype=x.dtype))
        case "GaussianNoise":
            y = x + layer.stddev * torch.randn_like(x)
    return y.numpy()
