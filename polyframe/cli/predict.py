"""``polyframe predict``."""

from __future__ import annotations

from pathlib import Path

import click

from polyframe.cli.options import backend_option, best_option, common_options


@click.command()
@click.argument("run_folder", metavar="RUN")
@click.argument("file")
@backend_option(count=0)
@click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, gpu, gpu:1."
)
@click.option(
    "--layout",
    type=click.Choice(["NCHW", "NHWC"]),
    default="NCHW",
    show_default=True,
    help="Axes of the samples: where the channels are.",
)
@best_option
@click.option(
    "-o", "--out", metavar="FILE", help="Write the outputs to this file (.npy or .npz)."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print all rows as JSON to stdout."
)
@common_options
def predict(
    run_folder: str,
    file: str,
    backend: str | None,
    device: str,
    layout: str,
    best: bool,
    out: str | None,
    as_json: bool,
) -> None:
    """Predict with a trained model on samples in a file, or on images.

    RUN is a run folder. FILE contains samples, (N, C, H, W), like those of the training.
    It is a .npy file, or a .npz file with the key x (with the names of the inputs, if
    the model has several). Bytes (uint8) are divided by 255, as in data sets from files.
    FILE may also be an image or a folder of images, which are converted by the options
    size and channels of the training's data.

    For a classifier, the command prints the most likely class and its probability (the
    softmax of the outputs); for classes of pixels, the share of each class. For several
    labels a sample, it prints those with a probability (the sigmoid of the outputs) of at
    least 0.5. With -o it writes the outputs of the model: one array to
    .npy; or several to .npz, with the names of the model's outputs as keys, and the keys
    class and probability.

    \b
    Examples:
      polyframe predict runs/digits_cnn/torch/1 samples.npy
      polyframe predict runs/digits_cnn/torch/1 samples.npz -b tensorflow -o out.npz
      polyframe predict runs/photos/torch/1 new_photos/
    """
    from dataclasses import replace

    from polyframe.cli.output import print_json, print_table
    from polyframe.data.samples import images_in, read_images, read_samples
    from polyframe.run.load import open_run
    from polyframe.run.predictions import SHOWN, check_path
    from polyframe.run.predictions import predict as run

    if out is not None:
        check_path(Path(out))
    opened = open_run(run_folder, backend, device, True, best)
    inputs, images = opened.model.graph.inputs, images_in(Path(file))
    if images:
        samples = [read_images(images, inputs, opened.recipe.data)]
        predictions = replace(run(opened, samples), files=tuple(map(str, images)))
    else:
        samples = read_samples(Path(file), inputs, layout)
        predictions = run(opened, samples, layout)
    if out is not None:
        predictions.write(Path(out))
    if as_json:
        rows = predictions.rows()
        print_json({"samples": len(rows), "predictions": rows})
        return
    print_table(*predictions.table())
    if len(predictions) > SHOWN:
        click.echo(
            f"… {len(predictions):,} samples in all; --json and -o give every one"
        )
    if out is not None:
        click.echo(f"outputs: {out}")
