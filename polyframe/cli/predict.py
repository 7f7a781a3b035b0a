"""``polyframe predict``."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from polyframe.cli.options import backend_option, best_option, common_options

if TYPE_CHECKING:
    import numpy as np

SHOWN = 10


@click.command()
@click.argument("run")
@click.argument("file")
@backend_option(required=False)
@click.option("--device", default="auto", show_default=True, help="cpu, gpu, gpu:1.")
@click.option(
    "--layout",
    type=click.Choice(["NCHW", "NHWC"]),
    default="NCHW",
    show_default=True,
    help="Where the samples have their channels.",
)
@best_option
@click.option("-o", "--out", metavar="FILE", help="Write the outputs (.npy or .npz).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout: all rows.")
@common_options
def predict(
    run: str,
    file: str,
    backend: str | None,
    device: str,
    layout: str,
    best: bool,
    out: str | None,
    as_json: bool,
) -> None:
    """What a trained model says of samples in a file.

    RUN is a run folder; FILE is .npy, or .npz with the key x (the names of the inputs,
    if the model has several), and holds samples (N, C, H, W) as the model was trained
    on. Bytes (uint8) are divided by 255, as in data sets from files.

    Of a classifier the likeliest class and its probability (the softmax of the outputs)
    are printed. -o writes the outputs as they come out of the model: an array to .npy;
    to .npz under the names of the model's outputs, with the keys class and probability
    beside them.

    \b
    Examples:
      polyframe predict runs/digits_cnn/torch/1 samples.npy
      polyframe predict runs/digits_cnn/torch/1 samples.npz -b tensorflow -o out.npz
    """
    from polyframe.cli.output import print_json
    from polyframe.errors import PolyframeError
    from polyframe.run.load import open_run

    if out is not None and not out.lower().endswith((".npy", ".npz")):
        raise PolyframeError("a file ending in .npy or .npz is needed", where=out)
    opened = open_run(run, backend, device, True, best)
    graph = opened.model.graph
    samples = read_samples(Path(file), graph.inputs, layout)
    outputs = opened.model.predict(
        samples if len(samples) > 1 else samples[0], layout=layout
    )
    found = dict(zip(graph.outputs, as_list(outputs), strict=True))
    rows: list[dict[str, Any]]
    extra: dict[str, np.ndarray] = {}
    classifies = opened.recipe.loss.labels and len(graph.output_shapes[0]) == 1
    if classifies and len(found) == 1:
        rows, extra = classify(next(iter(found.values())), opened.classes)
    else:
        rows = [
            {name: array[i].tolist() for name, array in found.items()}
            for i in range(len(samples[0]) if as_json else min(SHOWN, len(samples[0])))
        ]
    if out is not None:
        write(Path(out), found, extra)
    if as_json:
        print_json({"samples": len(samples[0]), "predictions": rows})
        return
    show(rows, len(samples[0]))
    if out is not None:
        click.echo(f"outputs: {out}")


def as_list(outputs: Any) -> list[np.ndarray]:
    """One array per output."""
    return outputs if isinstance(outputs, list) else [outputs]


def read_samples(path: Path, inputs: Any, layout: str) -> list[np.ndarray]:
    """One array per input, from a .npy or .npz file; nothing in it is unpickled."""
    import numpy as np

    from polyframe.data.files import reading
    from polyframe.errors import DataError

    names = [name for name, _ in inputs]
    keys = names if len(names) > 1 else ["x"]
    where = str(path)
    if path.suffix.lower() not in (".npy", ".npz"):
        raise DataError("a file ending in .npy or .npz is needed", where=where)
    hint = f"allowed: .npy with one array, .npz with the keys {', '.join(keys)}"
    with reading(where, hint), path.open("rb") as handle:
        loaded = np.load(handle, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            arrays = {keys[0]: loaded}
        else:
            with loaded:
                arrays = {key: loaded[key] for key in keys if key in loaded.files}
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise DataError(f"has no array {', '.join(missing)}", where=where, hint=hint)
    return [
        neutral(arrays[key], shape, layout, where)
        for key, (_, shape) in zip(keys, inputs, strict=True)
    ]


def neutral(
    array: np.ndarray, shape: tuple[int, ...], layout: str, where: str
) -> np.ndarray:
    """Samples as a data set from a file would hold them: bytes scaled, grey images with
    their channel."""
    import numpy as np

    from polyframe.data.dataset import scale_bytes
    from polyframe.errors import DataError

    if array.ndim == 3 and (1, *array.shape[1:]) == shape:
        array = array[:, None] if layout == "NCHW" else array[..., None]
    if array.dtype == np.uint8:
        return scale_bytes(array)
    if array.dtype.kind != "f":
        raise DataError(
            f"holds {array.dtype}",
            where=where,
            hint="allowed: uint8 (divided by 255) and floating-point numbers",
        )
    return array


def classify(
    output: np.ndarray, names: tuple[str, ...]
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Class and probability of each row of logits: as rows, and as arrays."""
    import numpy as np

    logits = output.astype(np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    classes = shares.argmax(axis=1)
    top = shares[np.arange(len(shares)), classes]
    known = names if len(names) == output.shape[1] else ()
    rows = [
        {
            "class": int(label),
            **({"name": known[label]} if known else {}),
            "probability": float(share),
        }
        for label, share in zip(classes, top, strict=True)
    ]
    return rows, {"class": classes, "probability": top}


def write(
    path: Path, outputs: dict[str, np.ndarray], extra: dict[str, np.ndarray]
) -> None:
    """Write the outputs in one atomic step."""
    import numpy as np

    from polyframe.errors import PolyframeError
    from polyframe.io.atomic import write_atomic

    content = io.BytesIO()
    if path.suffix.lower() == ".npz":
        # By hand, because np.savez takes no array of the name "file".
        with zipfile.ZipFile(content, "w") as archive:
            for name, array in {**extra, **outputs}.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
    elif len(outputs) > 1:
        raise PolyframeError(
            f"one array cannot hold {len(outputs)} outputs",
            where=str(path),
            hint="a name ending in .npz",
        )
    else:
        np.save(content, next(iter(outputs.values())), allow_pickle=False)
    write_atomic(path, content.getvalue())


def show(rows: list[dict[str, Any]], count: int) -> None:
    """The first rows as a table."""
    from polyframe.cli.output import print_table

    def cell(key: str, value: Any) -> str:
        if key == "probability":
            return f"{100 * value:.2f} %"
        text = str(value)
        return text if len(text) <= 70 else f"{text[:67]}..."

    heads = list(rows[0])
    print_table(
        ["sample", *heads],
        [
            [str(i), *(cell(key, row[key]) for key in heads)]
            for i, row in enumerate(rows[:SHOWN])
        ],
    )
    if count > SHOWN:
        click.echo(f"… {count:,} samples in all; --json and -o give every one")
