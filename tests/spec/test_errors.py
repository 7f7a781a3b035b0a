"""Bad input: one clear message of one line that names the place, nothing half-written."""

from __future__ import annotations

# ruff: noqa: E501 - one line per case
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.failing import fails

import polyframe as pf

NAME = "a letter, then letters, digits and _, at most 64 characters"
x = pf.Input((3, 8, 8), name="x")
vector = pf.Input((6,), name="v")


def spec(*layers: Any, **keys: Any) -> Any:
    """Load a spec from plain data; layers are mappings."""
    return pf.load_spec({"inputs": {"x": [3, 8, 8]}, "layers": list(layers)} | keys)


def layer(word: str, name: str | None = "a", **fields: Any) -> dict[str, Any]:
    named = {} if name is None else {"name": name}
    return named | {"type": word} | fields


def conv(**fields: Any) -> Any:
    return pf.Conv2D(**({"out_channels": 4, "kernel_size": 3, "name": "c"} | fields))


def model(y: Any, inputs: Any = x) -> pf.ModelSpec:
    return pf.ModelSpec(inputs, y)


def nest(depth: int, item: Any) -> Any:
    for _ in range(depth):
        item = layer("Block", inputs=["i"], layers=[item])
    return item


def doubling(depth: int) -> Any:
    """A block whose every level calls the one below twice: 2^depth layers."""
    item = layer("ReLU")
    for _ in range(depth):
        item = layer("Block", inputs=["i"], layers=[item, {"name": "b", "shares": "a"}])
    return item


RELU = layer("ReLU")
SPECS: list[tuple[str, Callable[[], Any], str]] = [
    # layers, fields and their values
    ("layer", lambda: spec(layer("Conv2d")), "a: unknown layer 'Conv2d'. Did you mean "
     "'Conv2D'? (`polyframe list layers` shows them)"),
    ("no type", lambda: spec({"name": "a"}), "a: type is None; a layer's name is needed"),
    ("field", lambda: spec(layer("Conv2D", out_chanels=3)),
     "a (Conv2D): unknown key 'out_chanels'. Did you mean 'out_channels'?"),
    ("field in Python", lambda: conv(kernel=3),
     "c (Conv2D): has no field 'kernel'. Did you mean 'kernel_size'?"),
    ("missing", lambda: spec(layer("Dense")), "a (Dense): field 'out_features' is missing"),
    ("type", lambda: conv(out_channels="4"),
     "c (Conv2D): out_channels is '4'; a whole number from 1 to 16777216 is needed"),
    ("bool", lambda: conv(out_channels=True), "c (Conv2D): out_channels is True; a whole"),
    ("float", lambda: conv(stride=1.5), "c (Conv2D): stride is 1.5; a whole number from 1"),
    ("array", lambda: conv(stride=np.ones((3, 3))), "c (Conv2D): stride is array([[1., 1."),
    ("range", lambda: pf.Dropout(1.5, name="d"),
     "d (Dropout): p is 1.5; a finite number at least 0 and at most 1 is needed"),
    ("nan", lambda: pf.Dropout(math.nan), "Dropout: p is nan; a finite number"),
    ("infinite", lambda: pf.BatchNorm(eps=math.inf), "BatchNorm: eps is inf; a finite"),
    ("zero", lambda: pf.BatchNorm(eps=0), "BatchNorm: eps is 0; a finite number above 0"),
    ("giant", lambda: pf.Dropout(10**400), "Dropout: p is 1000"),
    ("giant int", lambda: conv(groups=1 << 99999), "c (Conv2D): groups is <int>; a whole"),
    ("giant list", lambda: conv(stride=[1] * 10**6), "c (Conv2D): stride is [1, 1, 1"),
    ("pair", lambda: conv(kernel_size=(3, 3, 3)), "c (Conv2D): kernel_size is (3, 3, 3); "),
    ("padding", lambda: conv(padding="full"),
     "c (Conv2D): padding is 'full'; 'same', 'valid', a number, a pair (height, width), or "),
    ("mixed padding", lambda: conv(padding=(1, (0, 1))), "c (Conv2D): padding is (1, (0, 1))"),
    ("not a bool", lambda: conv(bias=1), "c (Conv2D): bias is 1; true or false is needed"),
    ("UNSET", lambda: conv(out_channels=pf.UNSET), "c (Conv2D): out_channels is UNSET; "),
    ("initializer", lambda: conv(weight_init="he_norml"), "c (Conv2D): weight_init: unknown "
     "initializer 'he_norml'. Did you mean 'he_normal'?"),
    ("its field", lambda: conv(weight_init={"type": "uniform", "scale": -1}),
     "c (Conv2D): weight_init: scale is -1; a finite number at least 0 is needed"),
    ("its key", lambda: conv(bias_init={"type": "uniform", "self": 1}),
     "c (Conv2D): bias_init: has no field 'self'. (fields: scale, mean)"),
    ("too many", lambda: pf.ReLU(1), "ReLU: takes at most 0 positional values, got 1"),
    ("unnamed", lambda: spec(layer("Dropout", None, p=2)), "dropout1 (Dropout): p is 2; a finite"),
    ("in a block", lambda: spec(layer("Block", inputs=["i"], layers=[
        RELU, layer("Dropout", "d", p=2)])), "a: d (Dropout): p is 2; a finite number"),
    # shapes
    ("kernel", lambda: model(conv(kernel_size=9)(x)), "c (Conv2D): its kernel reaches over 9 "
     "positions, but the padded input has 8 (input 8, padding 0 + 0) (a smaller kernel"),
    ("dilated", lambda: model(conv(dilation=(1, 5), padding=1)(x)), "c (Conv2D): its kernel "
     "reaches over 11 positions, but the padded input has 10 (input 8, padding 1 + 1)"),
    ("pool", lambda: model(pf.MaxPool2D((2, 9), name="p")(x)), "p (MaxPool2D): its kernel"),
    ("pool padding", lambda: model(pf.AvgPool2D(3, padding=2, name="p")(x)),
     "p (AvgPool2D): padding 2 is more than half of its kernel (3)"),
    ("rank", lambda: model(pf.Dense(3, name="d")(x)), "d (Dense): takes (features,) for each "
     "sample, got (3, 8, 8) (put a Flatten or GlobalAvgPool2D before it)"),
    ("rank 1", lambda: model(conv()(vector), vector), "c (Conv2D): takes (C, H, W) for each"),
    ("groups", lambda: model(conv(groups=2)(x)),
     "c (Conv2D): input channels (=3) must be divisible by groups (=2)"),
    ("add", lambda: model(pf.Add(name="s")(x, pf.MaxPool2D(2)(x))),
     "s (Add): its inputs differ in shape: (3, 8, 8), (3, 4, 4)"),
    ("concat", lambda: model(pf.Concat(name="s")(x, pf.MaxPool2D(2)(x))),
     "s (Concat): its inputs differ beside axis 1: (3, 8, 8), (3, 4, 4)"),
    ("axis", lambda: model(pf.Softmax(axis=0, name="s")(x)),
     "s (Softmax): axis 0 is not one of the 3 axes after N (1 to 3, or -3 to -1)"),
    ("inner shape", lambda: spec(layer("Block", inputs=["i"], layers=[
        layer("Dense", "d", out_features=2)])), "a.d (Dense): takes (features,) for each"),
    ("block inputs", lambda: spec(layer("Block", inputs=["i", "j"], layers=[{
        "type": "Add", "from": ["i", "j"]}])), "a: takes 2 inputs, got 1"),
    ("shared shape", lambda: model([(d := pf.Dense(2, name="d"))(vector), d(d(vector))],
     vector), "d_3: shares 'd', whose weight is (2, 6), but this input needs (2, 2)"),
    ("giant output", lambda: model(conv(out_channels=2**24, kernel_size=1)(
        pf.MaxPool2D(2)(big := pf.Input((1, 2048, 2048)))), big),
     "c: its output would have 1.76e+13 elements (16777216, 1024, 1024), more than 2.15e+09"),
    ("giant weight", lambda: model(pf.Dense(2**24, name="d")(pf.Flatten()(big2 := pf.Input(
        (2**20,)))), big2), "d: weight would have 1.76e+13 elements (16777216, 1048576)"),
    ("input shape", lambda: pf.Input((3, 0)), "input shape: got (3, 0); one to four numbers"),
    ("batch", lambda: pf.Input((None, 3, 8, 8), name="i"), "input 'i': got (None, 3, 8, 8); "),
    ("no shape", lambda: model(pf.ReLU()(n := pf.Input(name="n")), n),
     "input 'n': its shape is missing"),
    # wiring and names
    ("names", lambda: model(pf.ReLU(name="r")(pf.ReLU(name="r")(x))),
     "r: two layers or inputs have this name"),
    ("input's name", lambda: spec(layer("ReLU", "x")), "x: two layers or inputs have this name"),
    ("text names", lambda: spec(RELU, RELU), "a: two layers or inputs have this name"),
    ("block input twice", lambda: spec(layer("Block", inputs=["i", "i"], layers=[
        layer("Add", "s", **{"from": ["i", "i"]})])), "a: i: two layers or inputs"),
    ("graph", lambda: pf.ModelSpec(type(model(pf.ReLU()(x)).graph)((("x; y", (3,)),), (), ())),
     f"name 'x; y' is not allowed ({NAME})"),
    ("cycle", lambda: spec(layer("Add", "a", **{"from": ["x", "c"]}), layer("ReLU", "b"),
     layer("ReLU", "c")), "a: the layers form a cycle: a → b → c → a"),
    ("self", lambda: spec(RELU | {"from": "a"}), "a: the layers form a cycle: a → a"),
    ("from", lambda: spec(layer("ReLU", "conv1"), RELU | {"from": "conv2"}),
     "a: reads 'conv2', which is not a layer or an input. Did you mean 'conv1'?"),
    ("no from", lambda: spec(RELU | {"from": []}), "a: from is []; the names of its inputs"),
    ("outputs", lambda: spec(RELU, outputs="b"), "outputs: reads 'b', which is not a layer"),
    ("no outputs", lambda: spec(RELU, outputs=[]), "spec: outputs is []; a list of names"),
    ("dead end", lambda: spec(RELU, layer("ReLU", "b", **{"from": "x"})),
     "a: no output needs it (remove it, or add it to outputs)"),
    ("arity", lambda: spec(layer("Add")), "a (Add): takes at least 2 inputs, got 1"),
    ("arity 2", lambda: pf.ReLU()(x, x), "ReLU: takes 1 inputs, got 2"),
    ("arity 3", lambda: pf.Add()([x] * 2000), "Add: takes at most 1024 inputs, got 2000"),
    ("called on", lambda: pf.ReLU(name="r")(3), "r (ReLU): was called on 3; a tensor of the "),
    ("shares", lambda: spec(RELU, {"name": "b", "shares": "q"}), "b: shares 'q': the name of "),
    ("shares more", lambda: spec(RELU, {"name": "b", "shares": "a", "p": 1}), "b: shares 'a': "),
    ("index", lambda: spec({"type": "ReLU"}, RELU | {"from": "0"}),
     "a: reads '0', which is not a layer or an input. (layer 0 of the list is called 'relu1'; "
     "unnamed layers are called by their type and a count: conv1, relu1, …)"),
    ("index out", lambda: spec({"type": "ReLU"}, outputs=["0"]),
     "outputs: reads '0', which is not a layer or an input. (layer 0 of the list is called 're"),
    ("index as number", lambda: spec({"type": "ReLU"}, RELU | {"from": [0]}),
     "a: reads 0, which is not a layer or an input. (layer 0 of the list is called 'relu1'; "),
    ("long number", lambda: spec(RELU | {"from": "9" * 5000}), "a: reads '99999"),
    ("index shared", lambda: spec({"type": "ReLU"}, {"name": "b", "shares": "0"}),
     "b: shares '0': the name of an earlier layer is needed, and no fields beside it (layer 0"),
    ("index shared 2", lambda: spec({"type": "ReLU"}, {"shares": "0"}),
     "layers[1]: shares '0': the name of an earlier layer is needed, and no fields beside it "
     "(unnamed layers are called by their type"),
    ("digits shared", lambda: spec(layer("ReLU", "0"), {"shares": "0"}),
     "layers[1]: shares '0', and needs a name of its own"),
    ("shares what", lambda: spec(RELU, {"shares": [1]}), "layers[1]: shares [1]: the name of"),
    ("no type or name", lambda: spec({"p": 1}), "layers[0]: type is None; a layer's name is needed"),
    ("name", lambda: spec(layer("ReLU", "x y")), f"layers[0]: name 'x y' is not allowed ({NAME})"),
    ("digits", lambda: spec(layer("ReLU", "٣")), "layers[0]: name '٣' is not allowed"),
    ("number", lambda: pf.ReLU(name=3), "ReLU name 3 is not allowed"),
    ("bad name first", lambda: conv(name="a\nb", stride=0), "Conv2D name 'a\\nb' is not allowed"),
    ("kind", lambda: spec(layer("Block", inputs=["i"], layers=[RELU], kind="a b")),
     "a (Block): kind is 'a b'; a letter, then letters, digits and _ (64 at most) is needed"),
    ("missing input", lambda: model(pf.Add()(x, pf.Input((3, 8, 8), name="q"))),
     "inputs: the outputs need the input q, which is not among the inputs"),
    ("inner tensor", lambda: pf.ModelSpec(pf.ReLU(name="r")(x), x), "inputs: is the output of"),
    ("input twice", lambda: pf.ModelSpec([x, x], pf.ReLU()(x)), "inputs: an input is listed"),
    ("no list", lambda: pf.Sequential(pf.ReLU(), (3,)), "Sequential: takes a list of layers"),
    ("no layers", lambda: pf.Sequential([], (3,), name="s"), "s: has no layers"),
    ("class", lambda: pf.Sequential([pf.ReLU], (3,)), "Sequential: item 0 is <class"),
    ("nothing", lambda: pf.ModelSpec(x, x), "graph: no layer stands between inputs and"),
    ("two outputs", lambda: pf.Block(x, [pf.ReLU()(x), x], name="b"), "b: a block has one output"),
    # texts
    ("shipped", lambda: pf.load_spec("simple_cn"), "there is no shipped model 'simple_cn'. Did "
     "you mean 'simple_cnn'?"),
    ("shipped type", lambda: pf.load_spec({"type": "simple_cn"}), "there is no shipped model "
     "'simple_cn'. Did you mean 'simple_cnn'?"),
    ("no type", lambda: pf.load_spec({"type": 3}), "there is no shipped model 3."),
    ("argument", lambda: pf.load_spec({"type": "nin", "num_clases": 3}), "spec: unknown key "
     "'num_clases'. Did you mean 'num_classes'?"),
    ("no shipped", lambda: pf.load_spec({"name": "nin", "width": 2}), "spec: width is an "
     "argument of shipped models ({type: resnet18, width: …} is one; of others the layers"),
    ("classes", lambda: pf.load_spec({"type": "nin", "num_classes": 2.5}), "spec: num_classes "
     "is 2.5; a whole number from 1 to"),
    ("width", lambda: pf.load_spec({"type": "nin", "width": 0}), "spec: width is 0; a finite "
     "number above 0 is needed"),
    ("wide", lambda: pf.load_spec({"type": "nin", "width": 1e9}), "conv1 (Conv2D)"),
    ("shape", lambda: pf.load_spec({"type": "nin", "input_shape": [3, 32]}), "nin: input_shape "
     "is [3, 32]; nin takes 3 of these numbers (such as [3, 32, 32])"),
    ("no source", lambda: pf.load_spec(3), "got 3; a path, a name or text is needed"),
    ("scalar", lambda: pf.load_spec("a: b: c"), "spec: is not YAML: line 1, column 5: "),
    ("list", lambda: pf.load_spec("- a\n- b"), "spec: is ['a', 'b']; a mapping is needed"),
    ("key", lambda: spec(RELU, layer=[]), "spec: unknown key 'layer'. Did you mean 'layers'?"),
    ("no key", lambda: pf.load_spec("name: a"), "spec: key 'inputs' is missing"),
    ("no layers key", lambda: spec(layers=[]), "spec: layers is []; a list of layers is"),
    ("layer number", lambda: spec(3), "layers[0]: is 3; {type: …, …} is needed"),
    ("layer word", lambda: spec("RelU6"), "unknown layer 'RelU6'. Did you mean 'ReLU6'?"),
    ("inputs", lambda: spec(RELU, inputs=["x"]), "spec: inputs is ['x']; {name: [channels,"),
    ("version", lambda: spec(RELU, polyframe=2), "spec: format 2 is not known; this is "),
    ("twice", lambda: pf.load_spec("name: a\nname: b"), "spec: line 2: key 'name' is given twice"),
    ("alias", lambda: pf.load_spec("a: &q 1\nb: *q"), "spec: uses an alias (*q); "),
    ("tag", lambda: pf.load_spec("a: !!python/object/apply:os.system [id]"),
     "spec: is not YAML: line 1, column 4: could not determine a constructor for the tag"),
    ("key of keys", lambda: pf.load_spec("? [a]\n: b"), "spec: line 1: a key is not a plain word"),
    ("NUL", lambda: pf.load_spec("a: \0"), "spec: is not YAML: "),
    ("surrogate", lambda: pf.load_spec("a: \ud800"), "spec: has a value that is not YAML: "),
    ("giant number", lambda: pf.load_spec("a: " + "9" * 5000), "spec: has a value that is not"),
    ("deep flow", lambda: pf.load_spec("a: " + "[" * 10**5), "spec: nests more than 100 deep"),
    ("deep map", lambda: pf.load_spec("{a: " * 500), "spec: nests more than 100 deep"),
    ("deep blocks", lambda: spec(nest(40, RELU)), "a: a: a: a: a: "),
    ("deeper blocks", lambda: spec(nest(5000, RELU)), "a: a: a: a: a: "),
    ("deep value", lambda: spec(layer("Conv2D", out_channels=json.loads("[" * 900 + "]" * 900),
     kernel_size=1)), "a (Conv2D): out_channels is [[[[[["),
    ("multiplied", lambda: spec(doubling(30)), "more than 100000 layers are called"),
    ("too long", lambda: pf.load_spec("a:\n" + " " * 2**24), "spec: is longer than 16777216"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "message"), [c[1:] for c in SPECS], ids=[c[0] for c in SPECS]
)
def test_specs(call: Callable[[], Any], message: str) -> None:
    fails(pf.SpecError, call, message)


FILES: list[tuple[str, bytes | None, str]] = [
    ("none.yaml", None, "none.yaml: there is no such file"),
    ("none.json", None, "none.json: there is no such file"),
    ("broken.yaml", b"a: [1", "broken.yaml: is not YAML: line "),
    ("broken.json", b'{"a": ', "broken.json: is not JSON: Expecting value: line 1 column 7"),
    ("twice.json", b'{"a": 1, "a": 2}', "twice.json: key 'a' is given twice"),
    ("deep.json", b'{"a":' * 10**5, "deep.json: nests too deep"),
    ("deep.yaml", b"[" * 10**5, "deep.yaml: nests more than 100 deep"),
    ("bytes.yaml", b"\xff\xfe\x00", "bytes.yaml: is not UTF-8 text"),
    ("empty.yaml", b"", "empty.yaml: is None; a mapping is needed"),
    ("large.yaml", b" " * (2**24 + 1), "large.yaml: is larger than 16777216 bytes"),
    ("spec.yaml", b"inputs: {x: [3]}\nlayers: [{type: ReLu}]",
     "spec.yaml: layers[0]: unknown layer 'ReLu'. Did you mean 'ReLU'?"),
    ("shape.json", b'{"inputs": {"x": [3]}, "layers": [{"type": "GlobalAvgPool2D"}]}',
     "shape.json: pool1 (GlobalAvgPool2D): takes (C, H, W) for each sample, got (3,)"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "message"), FILES, ids=[f[0] for f in FILES]
)
def test_files(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    for source in (path, str(path)):
        # pytest's folder has a long name: the message is bounded without it.
        text = fails(pf.SpecError, lambda source=source: pf.load_spec(source), message)  # type: ignore[misc]
        assert text.startswith(str(tmp_path))


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    fails(
        pf.SpecError, lambda: pf.load_spec(tmp_path), "cannot be read: Is a directory"
    )
    fails(pf.SpecError, lambda: pf.load_spec(Path("a\0b")), "is not a path")
    fails(
        pf.SpecError,
        lambda: pf.load_spec(Path("a" * 300)),
        "cannot be read: File name too",
    )


RECIPES: list[tuple[Mapping[str, Any], str]] = [
    ({}, "recipe: key 'model' is missing"),
    ({"modle": 1}, "recipe: unknown key 'modle'. Did you mean 'model'? (known: model, "),
    ({"loss": "cross_entropi"}, "recipe: loss: unknown loss 'cross_entropi'. Did you mean "),
    ({"loss": {"type": "mse", "p": 1}}, "recipe: loss: mse: has no field 'p'."),
    ({"loss": 3}, "recipe: loss: got 3; a name, or {type: name, …} is needed"),
    ({"optimizer": {"type": "Adam", "lr": "fast"}}, "recipe: optimizer: Adam: lr is 'fast'; a "),
    ({"optimizer": {"type": "SGD", "nesterov": True}}, "recipe: optimizer: SGD: nesterov needs"),
    ({"optimizer": {"lr": 1}}, "recipe: optimizer: got {'lr': 1}; a name, or"),
    ({"metrics": "acuracy"}, "recipe: metrics: unknown metric 'acuracy'. Did you mean 'accuracy'"),
    ({"metrics": 1}, "recipe: metrics: got 1; a list of names"),
    ({"data": 3}, "recipe: data: got 3; a data set's name, or {name: …, option: …} is needed"),
    ({"batch_size": 0}, "recipe: batch_size: got 0; a whole number from 1 to 1048576 is needed"),
    ({"epochs": "3"}, "recipe: epochs: got '3'; a whole number from 1 to 1000000 is needed"),
    ({"seed": -1}, "recipe: seed: got -1; a whole number from 0 to"),
    ({"dtype": "float16"}, "recipe: dtype: got 'float16'; 'float32' or 'float64' is needed"),
    ({"semantics": "own"}, "recipe: semantics: got 'own'; 'aligned', 'native', or a mapping of "),
    ({"semantics": {"dropout": 1}}, "recipe: semantics: got {'dropout': 1}; 'aligned', 'native',"),
    ({"semantics": {"droput": "native"}},
     "recipe: semantics: unknown aspect 'droput'. Did you mean 'dropout'? (known: initializer, "),
    ({"device": 0}, "recipe: device: got 0; a name"),
    ({"name": "a/b"}, "recipe: recipe name 'a/b' is not allowed"),
    ({"model": "resnet_19"}, "recipe: model: there is no shipped model 'resnet_19'."),
    ({"model": {"inputs": {"x": [3]}, "layers": [layer("Conv2D")]}},
     "recipe: model: a (Conv2D): field 'out_channels' is missing"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"), RECIPES, ids=[c[1][:40] for c in RECIPES]
)
def test_recipes(changes: Mapping[str, Any], message: str) -> None:
    whole = changes if not changes else {"model": "digits_cnn"} | changes
    fails(pf.RecipeError, lambda: pf.load_recipe(whole), message)


def test_recipe_sources(tmp_path: Path) -> None:
    fails(
        pf.RecipeError, lambda: pf.load_recipe(3), "got 3; a path or a name is needed"
    )
    fails(
        pf.RecipeError, lambda: pf.load_recipe("nothing"), "no shipped recipe 'nothing'"
    )
    path = tmp_path / "r.yaml"
    fails(
        pf.PolyframeError, lambda: pf.load_recipe(path), "r.yaml: there is no such file"
    )
    path.write_text("model: digits_cnn\nepochs: many")
    fails(pf.RecipeError, lambda: pf.load_recipe(path), "r.yaml: epochs: got 'many'")
    path.write_text("- a")
    fails(
        pf.RecipeError, lambda: pf.load_recipe(path), "r.yaml: is ['a']; a mapping is"
    )
    with pytest.raises(pf.RecipeError, match="^digits_cnn: epochs: got 0"):
        pf.load_recipe("digits_cnn", {"epochs": 0})
    fails(
        pf.RecipeError,
        lambda: pf.load_recipe("signals_cnn", {"model.layers.fcc.out_features": 3}),
        "model.layers.fcc.out_features: cannot set it: no 'fcc' in layers. Did you mean 'fc'? "
        "(names: conv1, ",
    )
    base = {"model": "digits_cnn", "epochs": 3}
    fails(
        pf.RecipeError,
        lambda: pf.load_recipe(base, {"epochs.a": 1}),
        "epochs.a: cannot set",
    )
    fails(pf.RecipeError, lambda: pf.load_recipe(base, {"optimizer.lt": 1, "optimizer.type": "SGD"}),
          "optimizer: SGD: has no field 'lt'. (fields: lr, momentum")  # fmt: skip
