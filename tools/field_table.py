"""The fields of an element as a table: meaning, what each takes, and its default.

Meanings come from the docstrings' lists (``- ``stride``: …``) of a class and its bases;
those that only a formula explains stand in ``MEANINGS``. A test fails where a field has
none.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any

from polyframe.contract import registry
from polyframe.spec.element import Element
from polyframe.spec.fields import UNSET
from polyframe.spec.summary import value_text

BACKENDS = ("torch", "tensorflow", "mxnet")

MEANINGS = {
    "axes": "the axes that are reduced",
    "axis": "along which axis",
    "beta1": "β1: the decay rate of the mean of gradients",
    "beta2": "β2: the decay rate of the mean of squared gradients",
    "bias": "whether there is a bias",
    "bias_init": "the initial values of the bias",
    "ceil_mode": "one more window where values would be left over (see MaxPool2D)",
    "count_include_pad": "whether the mean counts the padding as values",
    "dampening": "how much less of each gradient enters the velocity, after the first",
    "decay_on": "what the weight decay applies to: all parameters, or kernels only, which "
    "are those of more than one dimension, so not biases, scales and shifts",
    "depth_multiplier": "how many output channels each input channel has",
    "dilation": "the distance between the input values under a kernel",
    "divisor_override": "what the sum of a window is divided by, in place of its size",
    "downscale_factor": "r: by how much the image shrinks along each axis",
    "eps": "keeps a denominator away from 0",
    "gain": "a factor of all values",
    "gamma": "the factor by which the rate falls",
    "groups": "channels are split into that many independent groups",
    "keepdims": "whether reduced axes stay, with a size of 1",
    "kernel_size": "the size of the window",
    "lr": "the learning rate at step 0",
    "mean": "the mean of the distribution",
    "momentum": "the factor by which a step multiplies the velocity",
    "nesterov": "whether to use Nesterov's momentum",
    "out_channels": "the number of output channels",
    "out_features": "the number of outputs",
    "output_padding": "how many positions are added after the output, along each axis",
    "output_size": "the size of the output",
    "p": "the probability of being zeroed",
    "padding": "zeros around the input (see Conv2D)",
    "padding_mode": "what fills the padding (see Conv2D)",
    "std": "the standard deviation of the distribution",
    "stddev": "the standard deviation of the noise",
    "stride": "the distance between windows; for pooling, None is the kernel's size",
    "upscale_factor": "r: by how much the image grows along each axis",
    "value": "the constant value",
    "warmup_start": "the fraction of `lr` at the start of the warm-up",
    "weight_decay": "the factor of the weight decay",
    "weight_init": "the initial values of the weight",
}
"""Field → what it is, wherever its docstring does not say it as an item of a list."""

SPECIAL = {
    ("ChannelShuffle", "groups"): "into how many groups the channels are split",
    ("ConvTranspose1D", "padding"): "what is cut off both ends of the output",
    ("ConvTranspose3D", "padding"): "what is cut off the borders of the output",
    ("BatchNorm", "scale"): "whether there is a `weight`, where `affine` is true",
    ("BatchNorm", "shift"): "whether there is a `bias`, where `affine` is true",
    ("Crop", "cropping"): "what is cut off both ends of each spatial axis",
    ("Flatten", "end_axis"): "the last axis of those that become one",
    ("Flatten", "start_axis"): "the first axis of those that become one",
    ("GroupNorm", "num_groups"): "into how many groups the channels are split",
    ("LeakyReLU", "negative_slope"): "the slope where x is at most 0",
    ("LocalResponseNorm", "size"): "how many channels a sum goes over",
    ("Permute", "axes"): "for each axis of the output, the axis of the input, from 1",
    ("Reshape", "shape"): "the new shape of a sample, without N",
    ("Upsample", "scale_factor"): "by how much each axis grows",
    ("Slice", "start"): "the first index; negative counts from the end",
    ("Slice", "step"): "the distance between indices",
    ("Slice", "stop"): "the index after the last; None is the end",
    ("ELU", "alpha"): "the factor where x is at most 0",
    ("CELU", "alpha"): "the scale where x is at most 0",
    ("GELU", "approximate"): "the exact function, or the one with tanh",
    ("HardTanh", "max_val"): "the upper end",
    ("HardTanh", "min_val"): "the lower end",
    ("LPPool2D", "norm_type"): "p of the norm",
    ("LocalResponseNorm", "alpha"): "α of the formula",
    ("LocalResponseNorm", "beta"): "β of the formula",
    ("LocalResponseNorm", "k"): "k of the formula",
    (
        "Adagrad",
        "initial_accumulator_value",
    ): "the sum of squares before the first step",
    ("Adagrad", "lr_decay"): "by how much the rate falls with the number of steps",
    ("Adam", "amsgrad"): "whether to use the largest mean of squares so far",
    ("AdamW", "amsgrad"): "whether to use the largest mean of squares so far",
    ("Adadelta", "rho"): "the decay rate of both means",
    ("LARS", "trust_coefficient"): "the factor of the ratio of norms",
    ("NAdam", "momentum_decay"): "how fast the momentum grows to β1",
    ("NAdam", "decoupled_weight_decay"): "whether to decay weights as in AdamW",
    ("RAdam", "decoupled_weight_decay"): "whether to decay weights as in AdamW",
    ("RMSProp", "alpha"): "the decay rate of the mean of squared gradients",
    ("RMSProp", "centered"): "whether to use the variance instead of the mean square",
    ("nll", "label_smoothing"): "ε, as in cross_entropy",
    ("nll", "class_weights"): "w, as in cross_entropy",
    ("nll", "ignore_index"): "a label that is not counted, as in cross_entropy",
    ("dirac", "groups"): "the convolution's groups",
    ("uniform", "mean"): "the centre of the interval",
    ("uniform", "scale"): "half the length of the interval",
    ("he_normal", "mode"): "which fan",
    ("he_normal", "slope"): "the slope of a leaky ReLU after the layer",
    ("he_uniform", "mode"): "which fan",
    ("he_uniform", "slope"): "the slope of a leaky ReLU after the layer",
    ("orthogonal", "gain"): "the length of the rows or columns",
    ("cosine", "end"): "the fraction of `lr` at the end",
    ("cosine_restarts", "end"): "the fraction of `lr` that each cycle falls to",
    ("cosine_restarts", "mult"): "the factor by which each cycle is longer",
    ("cosine_restarts", "period"): "how many epochs the first cycle takes",
    ("multi_step", "milestones"): "the epochs at which the rate falls, in any order",
    ("one_cycle", "anneal"): "the shape of the curve: half a cosine wave, or a line",
    ("one_cycle", "div"): "the rate starts at `lr / div`",
    ("one_cycle", "final_div"): "the rate ends at `lr / div / final_div`",
    ("one_cycle", "pct_start"): "the fraction of the training in which the rate grows",
    ("polynomial", "end"): "the fraction of `lr` at the end",
    ("polynomial", "power"): "the power of the remaining time; 1 is linear",
    (
        "reduce_on_plateau",
        "cooldown",
    ): "how many epochs after a reduction are not counted",
    ("reduce_on_plateau", "least"): "the smallest fraction of `lr`",
    ("reduce_on_plateau", "min_delta"): "by what fraction a value has to be better",
    ("reduce_on_plateau", "mode"): "whether smaller or larger is better; auto: by what "
    "the column is",
    ("reduce_on_plateau", "monitor"): "the column of the history that is watched",
    (
        "reduce_on_plateau",
        "patience",
    ): "how many epochs without a better value are tolerated",
    ("step", "every"): "after how many epochs the rate falls",
    ("top_k_accuracy", "k"): "how many of the largest logits count",
    ("cutmix", "alpha"): "α of the Beta distribution",
    ("mixup", "alpha"): "α of the Beta distribution",
    ("cutout", "size"): "the side of the square in pixels",
    ("normalize", "mean"): "what is subtracted; None: the mean of the training data",
    ("normalize", "std"): "the divisor; None: the std of the training data",
    ("random_crop", "padding"): "rows and columns of zeros on each side",
    ("random_flip", "p"): "the probability for each image",
    ("random_vertical_flip", "p"): "the probability for each image",
    ("f1", "average"): "over classes, or over all samples",
    ("precision", "average"): "over classes, or over all samples",
    ("recall", "average"): "over classes, or over all samples",
}
"""The same for one element, by its name and the field."""

ITEM = re.compile(r"^- (``\w+``.*?)(?=^- |^\s*$|\Z)", re.MULTILINE | re.DOTALL)
NAMES = re.compile(r"(?:``\w+``(?:, | and )?)+")


def documented(cls: type[Element]) -> dict[str, str]:
    """Field → what the docstrings of a class and its bases say in a list."""
    meanings: dict[str, str] = {}
    for owner in reversed(cls.__mro__):
        doc = inspect.cleandoc(owner.__dict__.get("__doc__") or "")
        for item in ITEM.findall(doc):
            for part in re.split(r"(?<=[.;]) (?=``\w+``: )", " ".join(item.split())):
                names = NAMES.match(part)
                if names:
                    text = part[names.end() :].lstrip(": ").strip().rstrip(".")
                    for name in re.findall(r"``(\w+)``", names[0]):
                        meanings[name] = text
    return meanings


def meaning(cls: type[Element], name: str) -> str | None:
    """What a field is; None where nothing says it."""
    known = documented(cls).get(name, "")
    other = SPECIAL.get((cls.word, name)) or MEANINGS.get(name)
    if known.startswith("UNSET") and other:
        return f"{other}; {known}"
    return known or other


def description(cls: type[Element]) -> str:
    """The docstring, without the items that the table of fields shows."""
    doc = inspect.getdoc(cls) or ""
    fields = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for item in ITEM.findall(doc):
        names = NAMES.match(item)
        if names and set(re.findall(r"``(\w+)``", names[0])) <= fields:
            doc = doc.replace(f"- {item}", "")
    return re.sub(r"\n{3,}", "\n\n", doc).strip()


def fields_table(cls: type[Element]) -> list[str]:
    """The fields as Markdown."""
    rows = []
    for f in dataclasses.fields(cls):  # type: ignore[arg-type]
        if "kind" in f.metadata:
            allowed = f.metadata["kind"].of(cls).allowed
            cells = [
                f"`{f.name}`",
                meaning(cls, f.name) or "",
                allowed,
                default(cls, f),
            ]
            rows.append(
                f"| {' | '.join(c.replace('|', chr(92) + '|') for c in cells)} |"
            )
    if not rows:
        return ["It has no fields."]
    return ["| field | meaning | what it takes | default |", "|---|---|---|---|", *rows]


def default(cls: type[Element], field: dataclasses.Field[Any]) -> str:
    """A field's default; of one that is UNSET, what it resolves to with each
    semantics."""
    if field.default is dataclasses.MISSING:
        return "must be given"
    if field.default is not UNSET:
        return text_of(field.default)
    texts = [f"UNSET: aligned {text_of(field.metadata['aligned'])}"]
    for name in BACKENDS:
        backend = registry.get(name)
        own = backend.defaults.get(cls.word, {})
        if field.name in own:
            texts.append(f"{backend.title}'s own {text_of(own[field.name])}")
    return "; ".join(texts)


def text_of(value: Any) -> str:
    """A value as it is written in YAML."""
    return f"`{value_text(value)}`"
