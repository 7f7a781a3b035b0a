"""Grids and ablations: names, checks before anything runs, and what is left out."""

from __future__ import annotations

import time

import pytest

from polyframe import zoo
from polyframe.errors import PolyframeError, RecipeError, UnsupportedError
from polyframe.spec.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, LeakyReLU
from polyframe.spec.load import load_spec
from polyframe.spec.model import Sequential
from polyframe.spec.optimizers import SGD, Adam
from polyframe.spec.recipe import Recipe, load_recipe
from polyframe.spec.semantics import NAMES
from polyframe.study.estimate import MEASURED, PARTLY, START, Estimator
from polyframe.study.plan import Cell, Contestant, Settings, Variant
from polyframe.study.planning import plan_study, preview
from polyframe.study.records import Record
from polyframe.study.variants import ablation, grid, parse_grid, recipes, skipped

BACKENDS = tuple(Contestant(name, name) for name in ("torch", "tensorflow", "mxnet"))


def variants(*texts):
    return grid(parse_grid(texts))


def error(*texts, recipe="digits_cnn"):
    with pytest.raises(PolyframeError) as caught:
        recipes(load_recipe(recipe), variants(*texts))
    return str(caught.value)


def test_a_grid_has_all_combinations_with_readable_names():
    several = variants("optimizer.lr=0.01,1e-1", "batch_size=64,256")
    assert [variant.name for variant in several] == [
        "lr=0.01, batch_size=64",
        "lr=0.01, batch_size=256",
        "lr=0.1, batch_size=64",
        "lr=0.1, batch_size=256",
    ]
    assert several[2].changes == {"optimizer.lr": 0.1, "batch_size": 64}
    made = recipes(load_recipe("digits_cnn"), several)
    last = made["lr=0.1, batch_size=256"]
    assert (last.optimizer, last.batch_size) == (Adam(lr=0.1), 256)
    assert last == several[-1].recipe(load_recipe("digits_cnn"), 0)


def test_values_are_split_at_the_outer_commas():
    several = variants("optimizer=SGD,{type: SGD, lr: 0.1}", "metrics=[accuracy],[]")
    assert [variant.name for variant in several] == [
        "optimizer=SGD, metrics=[accuracy]",
        "optimizer=SGD, metrics=[]",
        "optimizer=SGD(lr=0.1), metrics=[accuracy]",
        "optimizer=SGD(lr=0.1), metrics=[]",
    ]
    made = recipes(load_recipe("digits_cnn"), several)
    assert made[several[-1].name].optimizer == SGD(lr=0.1)


def test_a_key_is_whole_where_its_end_would_be_another_s():
    several = variants("optimizer.type=SGD,Adam", "schedule.type=cosine,step")
    assert several[0].name == "optimizer.type=SGD, schedule.type=cosine"


def test_any_field_may_vary():
    text = "model.layers.conv1.out_channels=16,32"
    (small, large) = recipes(load_recipe("digits_cnn"), variants(text)).values()
    assert small.model.num_parameters < large.model.num_parameters
    several = variants("semantics=aligned,native,{initializer: native}")
    own = load_recipe("digits_cnn", {"semantics": {"optimizer": "native"}})
    made = [recipe.semantics for recipe in recipes(own, several).values()]
    assert made == ["aligned", "native", (("initializer", "native"),)]
    on, off = variants("optimize=true,false")
    assert (on.optimize, off.optimize) == (True, False)
    assert len(recipes(own, (on, off))) == 2


@pytest.mark.parametrize("model", ["resnet18", {"type": "resnet18", "num_classes": 4}])
def test_arguments_of_a_shipped_model_may_vary_together(model):
    axes = parse_grid(["model=resnet18,vgg11", "model.width=0.125,0.25"])
    base = load_recipe("digits_cnn", {"model": model})
    made = recipes(base, grid(axes, model))
    sizes = {name: recipe.model.num_parameters for name, recipe in made.items()}
    for name in ("resnet18", "vgg11"):
        small, large = (
            sizes[f"model={name}, width={width}"] for width in (0.125, 0.25)
        )
        assert small == getattr(zoo, name)(width=0.125).num_parameters < large
    alone = recipes(base, grid(parse_grid(["model.width=0.125"]), model))
    (only,) = (recipe.model for recipe in alone.values())
    assert only == load_spec({**as_mapping(model), "width": 0.125})


def as_mapping(model):
    return model if isinstance(model, dict) else {"type": model}


def test_no_grid_is_the_recipe_itself():
    assert variants() == (Variant("base"),)
    base = load_recipe("digits_cnn")
    assert recipes(base, variants())["base"] == base


def test_wrong_grids():
    assert error("x").startswith("--grid: 'x' is not KEY=VALUE,VALUE,…")
    assert error("lr=") == (
        "--grid lr: the grid is empty: it has no value (such as lr=1,2)"
    )
    assert error("epochs=1,2,1") == "--grid epochs: the value 1 is given twice"
    assert error("epochs=1", "epochs=2") == "--grid epochs: is given twice"
    assert error("seed=1,2").startswith("--grid seed: cannot be in a grid (--seeds")
    assert error("name=a,b").endswith("cannot be in a grid (it changes no training)")
    assert error("optimize=1,2") == (
        "--grid optimize: got '1,2'; true or false is needed"
    )
    assert "is not YAML" in error("optimizer.lr=[1")
    assert error("optimizer.lrr=1").startswith(
        "variant lrr=1: optimizer: Adam: has no field 'lrr'. Did you mean 'lr'?"
    )
    assert error("optimiser.lr=1").startswith(
        "variant lr=1: unknown key 'optimiser'. Did you mean 'optimizer'?"
    )
    assert "variant batch_size=0: batch_size: got 0" in error("batch_size=0,1")
    assert "the variants 'metrics=accuracy' and 'metrics=[accuracy]' are one" in error(
        "metrics=accuracy,[accuracy]"
    )
    assert "only one can clip" in error("clip_norm=null,1.0", "clip_value=null,1.0")
    many = ",".join(map(str, range(1, 400)))
    assert error(f"epochs={many}", f"batch_size={many}") == (
        "--grid: has 159,201 variants; at most 100,000"
    )


# --- ablations ------------------------------------------------------------------------


def model(*layers):
    return Sequential(
        [Conv2D(4, 3), *layers, Flatten(), Dense(3)], input_shape=(1, 8, 8)
    )


def ablated(recipe, device="cpu"):
    """Contestant → aspects that have cells."""
    study = plan_study(recipe, BACKENDS, ablation(), range(2), Settings(1, device))
    cells = {each.name: [] for each in BACKENDS}
    for cell in study.cells():
        if cell.seed == 0:
            cells[cell.contestant.name].append(cell.variant.name)
    return study, cells


def test_an_ablation_has_each_aspect_where_it_changes_something():
    assert [v.name for v in ablation()] == ["aligned", "native", *NAMES]
    recipe = Recipe(model(BatchNorm(), Dropout(0.5)), optimizer=Adam())
    study, cells = ablated(recipe)
    always = ["aligned", "native", "initializer"]
    norm = ["norm_momentum", "norm_epsilon", "running_variance"]
    assert cells["tensorflow"][:6] == [*always, *norm]
    assert {"dropout", "optimizer", "loss", "epsilon"} <= set(cells["tensorflow"])
    assert not {"norm_momentum", "norm_epsilon"} & set(cells["torch"])  # the reference
    assert {"dropout", "initializer"} <= set(cells["torch"])
    for names in cells.values():
        assert not {"negative_slope", "clipping", "tf32", "padding"} & set(names)
    assert "clipping" not in [variant.name for variant in study.variants]
    why = {(s.contestant, s.variant): s for s in study.skipped}
    assert why["torch", "norm_epsilon"].reason == "it changes nothing there"
    assert why["torch", "norm_epsilon"].same_as == "aligned"
    assert ("mxnet", "clipping") in why


def test_values_that_are_set_leave_nothing_to_ablate():
    set_ = Recipe(
        model(BatchNorm(eps=1e-5, momentum=0.1)),
        optimizer=Adam(lr=1e-3, eps=1e-8),
        clip_norm=1.0,
    )
    _, cells = ablated(set_)
    for names in cells.values():
        assert not {"norm_momentum", "norm_epsilon", "epsilon"} & set(names)
    assert any("clipping" in names for names in cells.values())
    _, cells = ablated(Recipe(model(LeakyReLU())), "gpu")
    assert all("tf32" in names for names in cells.values())
    assert "negative_slope" in cells["tensorflow"]
    assert "negative_slope" not in cells["torch"]


def test_a_gap_is_skipped_with_its_reason(monkeypatch):
    def write(self, graph, target, step):
        if target.native("dropout") or target.precision:
            raise UnsupportedError("no such thing", where="torch")
        return real(self, graph, target, step)

    from polyframe.contract import registry

    cls = type(registry.get("torch"))
    real = cls.write
    monkeypatch.setattr(cls, "write", write)
    recipe = load_recipe("digits_cnn")
    made = recipes(recipe, ablation())
    gaps = [s for s in skipped(BACKENDS[:1], ablation(), made, "cpu") if not s.same_as]
    assert [(s.variant, s.reason) for s in gaps] == [
        ("native", "a gap: torch: no such thing"),
        ("dropout", "a gap: torch: no such thing"),
    ]
    several = variants("precision=null,bfloat16", "optimizer.lr=0.1,0.2")
    left_out = skipped(BACKENDS, several, recipes(recipe, several), "cpu")
    assert {s.contestant for s in left_out if s.reason.endswith("no such thing")} == {
        "torch"
    }
    with pytest.raises(UnsupportedError) as caught:
        several = variants("precision=bfloat16")
        skipped(BACKENDS[:1], several, recipes(recipe, several), "cpu")
    assert str(caught.value) == "contestant torch: a gap: torch: no such thing"


# --- time -------------------------------------------------------------------------------


def record(contestant, variant, seconds):
    return Record(
        contestant, variant, 0, "", "done", resources={"wall_seconds": seconds}
    )


def test_an_estimate_is_from_cells_that_ran_else_rough():
    several = variants("epochs=1,101")
    made = recipes(load_recipe("digits_cnn"), several)
    one, other = (Cell(c, v, 0) for c in BACKENDS[:1] for v in several)
    pace = Estimator(made, 1)
    assert START < pace.seconds(one) < pace.seconds(other)
    assert pace.how([one]).startswith("rough: 12 s a cell")
    ratio = pace.seconds(other) / pace.seconds(one)
    pace.add(record("torch", "epochs=1", 30.0))
    assert pace.seconds(one) == 30.0
    assert pace.seconds(other) == pytest.approx(30.0 * ratio)
    assert pace.total([one, one, other]) == pytest.approx(60 + 30.0 * ratio)
    assert (pace.how([one]), pace.how([one, other])) == (MEASURED, PARTLY)
    elsewhere = Cell(BACKENDS[1], several[0], 0)
    assert pace.seconds(elsewhere) == 30.0
    pace.add(Record("mxnet", "epochs=1", 0, "", "failed", "no"))
    assert ("mxnet", "epochs=1") not in pace.took


def test_ten_thousand_cells_are_planned_in_two_seconds(tmp_path):
    rates = ",".join(f"{1e-4 * (i + 1):.4f}" for i in range(34))
    base = load_recipe("digits_cnn")
    began = time.process_time()
    study = plan_study(
        base, BACKENDS, variants(f"optimizer.lr={rates}"), range(100), Settings(1)
    )
    shown = preview(study, tmp_path / "new")
    assert time.process_time() - began < 2.0
    assert len(shown.left) == 34 * 3 * 100
    assert not (tmp_path / "new").exists()


def test_a_target_needs_a_metric():
    recipe = Recipe(model())
    with pytest.raises(PolyframeError, match="target: the recipe has no metric"):
        plan_study(recipe, BACKENDS, variants(), [0], Settings(1, target=0.9))


def test_errors_of_recipes_are_recipe_errors():
    with pytest.raises(RecipeError):
        recipes(load_recipe("digits_cnn"), variants("nothing=1"))
