"""The shipped models: published counts of parameters, names, widths, and that they run.

The counts of torchvision's models are its ``num_params``; those of the others are
written out below.
"""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
from helpers.programs import write
from helpers.small_models import SMALL, small
from helpers.support import BACKENDS

import polyframe as pf


def conv(taken, given, size, bias=True):
    return given * (taken * size * size + bias)


def fc(taken, given):
    return given * (taken + 1)


def norm(channels):
    return 2 * channels


def mobilenet_v1():
    sizes = (32, 64, 128, 128, 256, 256, *(512,) * 6, 1024, 1024)
    total = conv(3, 32, 3, False) + norm(32) + fc(1024, 1000)
    for taken, given in zip(sizes, sizes[1:]):
        total += 9 * taken + norm(taken) + taken * given + norm(given)
    return total


def resnet18_v2():
    total = conv(3, 64, 7, False) + norm(64) + norm(512) + fc(512, 1000)
    total -= norm(64)  # the first block finds its input activated
    for taken, given in ((64, 64), (64, 128), (128, 256), (256, 512)):
        total += norm(taken) + conv(taken, given, 3, False)
        total += taken * given if taken != given else 0
        total += 3 * (norm(given) + conv(given, given, 3, False))
    return total


def resnet50_v2():
    total = conv(3, 64, 7, False) + norm(64) + norm(2048) + fc(2048, 1000) - norm(64)
    taken = 64
    for inner, count in ((64, 3), (128, 4), (256, 6), (512, 3)):
        total += taken * 4 * inner
        for _ in range(count):
            total += norm(taken) + taken * inner
            total += norm(inner) + conv(inner, inner, 3, False)
            total += norm(inner) + inner * 4 * inner
            taken = 4 * inner
    return total


def cifar_resnet(count):
    total = conv(3, 16, 3, False) + norm(16) + fc(64, 10)
    for taken, given in ((16, 16), (16, 32), (32, 64)):
        total += conv(taken, given, 3, False) + norm(given)
        total += (2 * count - 1) * (conv(given, given, 3, False) + norm(given))
    return total


def unet():
    total, sizes = conv(64, 2, 1), (1, 64, 128, 256, 512, 1024)
    for taken, given in zip(sizes, sizes[1:]):
        total += conv(taken, given, 3) + conv(given, given, 3)
    for taken, given in zip(sizes[:1:-1], sizes[-2:0:-1]):
        total += conv(taken, given, 2) + conv(taken, given, 3) + conv(given, given, 3)
    return total


def fcn32s():
    counts = {64: (3, 2), 128: (64, 2), 256: (128, 3), 512: (256, 3)}
    total = 3 * conv(512, 512, 3)
    for given, (taken, count) in counts.items():
        total += conv(taken, given, 3) + (count - 1) * conv(given, given, 3)
    total += conv(512, 4096, 7) + conv(4096, 4096, 1) + conv(4096, 21, 1)
    return total + conv(21, 21, 64, False)


def dcgan():
    """What both of DCGAN's networks hold but for their ends."""
    sizes = (128, 256, 512, 1024)
    both = sum(conv(a, b, 5, False) for a, b in zip(sizes, sizes[1:]))
    return both + norm(256) + norm(512) + norm(1024)


COUNTS = {
    "alexnet": 61_100_840,
    "cifar_resnet20": cifar_resnet(3),
    "cifar_resnet56": cifar_resnet(9),
    "conv_autoencoder": 2 * conv(16, 32, 3) - 16 + 2 * conv(1, 16, 3) - 15,
    "conv4": conv(3, 64, 3) + 3 * conv(64, 64, 3) + 4 * norm(64) + fc(1600, 5),
    "convnext_tiny": 28_589_128,
    "dcgan_discriminator": conv(3, 128, 5) + dcgan() + fc(4 * 4 * 1024, 1),
    "dcgan_generator": (
        100 * 4 * 4 * 1024 + dcgan() + norm(128) + conv(128, 3, 5)
    ),
    "densenet121": 7_978_856,
    "digits_cnn": conv(1, 16, 3) + conv(16, 32, 3) + fc(128, 10),
    "efficientnet_b0": 5_288_548,
    "fashion_cnn": conv(1, 32, 3) + conv(32, 64, 3) + fc(3136, 128) + fc(128, 10),
    "fcn32s": fcn32s(),
    "googlenet": 6_624_904,
    "inception_v3": 27_161_264 - 3_326_696,  # torchvision's less its auxiliary head
    "lenet5": (
        conv(1, 6, 5) + conv(6, 16, 5) + fc(400, 120) + fc(120, 84) + fc(84, 10)
    ),
    "mnasnet1_0": 4_383_312,
    "mobilenet_v1": mobilenet_v1(),
    "mobilenet_v2": 3_504_872,
    "mobilenet_v3_large": 5_483_032,
    "mobilenet_v3_small": 2_542_856,
    "nin": (
        conv(3, 192, 5) + conv(192, 160, 1) + conv(160, 96, 1)
        + conv(96, 192, 5) + 2 * conv(192, 192, 1)
        + conv(192, 192, 3) + conv(192, 192, 1) + conv(192, 10, 1)
    ),
    "regnet_y_400mf": 4_344_144,
    "residual_cnn": (
        conv(3, 16, 3, False) + norm(16) + fc(64, 10)
        + 2 * (conv(16, 16, 3, False) + norm(16))
        + 9 * (16 * 32 + 32 * 32 + 32 * 64 + 64 * 64) + 16 * 32 + 32 * 64
        + 3 * (norm(32) + norm(64))
    ),
    "resnet101": 44_549_160,
    "resnet18": 11_689_512,
    "resnet18_v2": resnet18_v2(),
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet50_v2": resnet50_v2(),
    "resnext50_32x4d": 25_028_904,
    "shufflenet_v2_x1_0": 2_278_604,
    "simple_cnn": conv(3, 32, 3) + conv(32, 64, 3) + fc(2304, 128) + fc(128, 10),
    "small_unet": (
        conv(1, 8, 3) + conv(8, 8, 3) + conv(8, 16, 3) + conv(16, 16, 3)
        + conv(16, 32, 3) + conv(32, 32, 3)
        + conv(32, 16, 2) + conv(32, 16, 3) + conv(16, 16, 3)
        + conv(16, 8, 2) + conv(16, 8, 3) + conv(8, 8, 3) + conv(8, 2, 1)
    ),
    "squeezenet1_0": 1_248_424,
    "squeezenet1_1": 1_235_496,
    "unet": unet(),
    "vgg11": 132_863_336,
    "vgg11_bn": 132_868_840,
    "vgg13": 133_047_848,
    "vgg13_bn": 133_053_736,
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
    "vgg19": 143_667_240,
    "vgg19_bn": 143_678_248,
    "wide_resnet50_2": 68_883_240,
}  # fmt: skip

TORCHVISION = {
    "alexnet": "features.10.bias classifier.6.weight",
    "convnext_tiny": "features.0.0.weight features.3.1.block.0.weight classifier.2.bias",
    "densenet121": (
        "features.conv0.weight features.denseblock3.denselayer24.conv2.weight "
        "features.transition2.norm.running_var features.norm5.weight classifier.bias"
    ),
    "efficientnet_b0": (
        "features.0.1.running_mean features.1.0.block.1.fc1.bias "
        "features.4.2.block.3.0.weight features.8.0.weight classifier.1.weight"
    ),
    "googlenet": (
        "conv1.conv.weight inception3a.branch1.bn.weight "
        "inception4e.branch3.1.conv.weight inception5b.branch4.1.bn.bias fc.weight"
    ),
    "inception_v3": (
        "Conv2d_4a_3x3.bn.weight Mixed_5d.branch5x5_2.conv.weight "
        "Mixed_6e.branch7x7dbl_5.conv.weight Mixed_7c.branch3x3dbl_3b.bn.bias"
    ),
    "mnasnet1_0": (
        "layers.0.weight layers.8.0.layers.6.weight layers.12.3.layers.4.bias "
        "layers.15.running_var classifier.1.bias"
    ),
    "mobilenet_v2": (
        "features.0.0.weight features.1.conv.0.0.weight features.1.conv.1.weight "
        "features.17.conv.2.weight features.18.1.bias classifier.1.weight"
    ),
    "mobilenet_v3_large": (
        "features.1.block.0.0.weight features.4.block.2.fc1.weight "
        "features.15.block.3.1.bias features.16.0.weight classifier.3.bias"
    ),
    "regnet_y_400mf": (
        "stem.0.weight trunk_output.block1.block1_0.proj.1.weight "
        "trunk_output.block4.block4_5.f.se.fc2.bias "
        "trunk_output.block2.block2_1.f.c.0.weight fc.bias"
    ),
    "resnet18": "conv1.weight layer2.0.downsample.1.running_var layer4.1.bn2.bias",
    "resnet50": "layer1.0.downsample.0.weight layer3.5.conv3.weight fc.weight",
    "shufflenet_v2_x1_0": (
        "conv1.0.weight stage2.0.branch1.2.weight stage3.7.branch2.6.bias "
        "stage4.0.branch2.3.weight conv5.1.weight fc.bias"
    ),
    "squeezenet1_0": "features.12.expand3x3.bias classifier.1.weight",
    "squeezenet1_1": "features.0.weight features.12.squeeze.weight classifier.1.bias",
    "vgg16": "features.28.weight classifier.0.weight classifier.6.bias",
    "vgg16_bn": "features.41.running_mean classifier.3.weight",
}
"""Some names of each model's ``state_dict``."""


def test_the_list_is_what_is_tested():
    assert pf.zoo.list() == sorted(COUNTS)
    assert all(callable(getattr(pf.zoo, name)) for name in pf.zoo.list())


@pytest.mark.parametrize("name", COUNTS)
def test_number_of_parameters(name):
    spec = getattr(pf.zoo, name)()
    assert spec.name == name
    assert spec.num_parameters == COUNTS[name]
    first = inspect.getdoc(getattr(pf.zoo, name)).splitlines()[0]
    assert f"{COUNTS[name]:,} parameters" in first


@pytest.mark.parametrize("name", COUNTS)
def test_classes_input_and_width_are_taken(name):
    spec = small(name, num_classes=7)
    (output_shape,) = spec.infer().output_shapes
    assert output_shape[0] == 7
    ((_, shape),) = spec.infer().inputs
    assert shape == SMALL.get(name, ((3, 32, 32), 1 / 8))[0]
    assert 0 < spec.num_parameters < COUNTS[name]
    assert pf.load_spec(spec.to_yaml()) == spec


def test_pixelwise_models_give_every_pixel_its_classes():
    assert pf.zoo.unet().infer().output_shapes == ((2, 388, 388),)
    assert pf.zoo.fcn32s().infer().output_shapes == ((21, 224, 224),)
    assert pf.zoo.small_unet(3, (2, 8, 12)).infer().output_shapes == ((3, 8, 12),)
    with pytest.raises(
        pf.SpecError, match="height and width have to be multiples of 4"
    ):
        pf.zoo.small_unet(input_shape=(1, 8, 10))
    spec = pf.zoo.fcn32s(input_shape=(3, 33, 100), width=0.01)
    assert spec.infer().output_shapes == ((21, 33, 100),)
    spec = pf.zoo.unet(input_shape=(1, 200, 191), width=0.01)
    assert spec.infer().output_shapes == ((2, 4, 4),)
    with pytest.raises(pf.SpecError, match="too small"):
        pf.zoo.unet(input_shape=(1, 64, 64))


@pytest.mark.parametrize("name", TORCHVISION)
def test_weights_are_called_as_in_torchvision(name):
    parameters = getattr(pf.zoo, name)().infer().parameters
    assert set(TORCHVISION[name].split()) <= set(parameters)


def test_resnet18_reads_like_torchvisions():
    model = pf.compile(pf.zoo.resnet18(), "torch", loss="mse", optimize=False)
    assert len(model.source.splitlines()) <= 120
    assert "nn.Sequential(DownBlock(64, 128), BasicBlock(128))" in model.source


@pytest.mark.full
def test_programs_are_clean_under_ruff(tmp_path):
    for name in COUNTS:
        spec = getattr(pf.zoo, name)()
        for backend in BACKENDS:
            for optimize, semantics in ((True, "aligned"), (False, "native")):
                text = write(spec, backend, optimize, semantics=semantics).source
                (tmp_path / f"{name}_{backend}_{semantics}.py").write_text(text)
    for command in (["check"], ["format", "--diff"]):
        line = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", "."]
        done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-6000:]
