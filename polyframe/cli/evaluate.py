"""``polyframe evaluate``."""

from __future__ import annotations

import click

from polyframe.cli.options import backend_option, best_option, common_options


@click.command()
@click.argument("run")
@backend_option(count=0)
@click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, gpu, gpu:1."
)
@best_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
@common_options
def evaluate(
    run: str, backend: str | None, device: str, best: bool, as_json: bool
) -> None:
    """Compute the loss and metrics of a trained model.

    RUN is a run folder. The data are the test data of its recipe. If there are none, they
    are the validation data, or else the training data. The model is built from
    recipe.yaml and weights.safetensors in the folder, on the backend that trained it or
    on the one given by -b. A model trained on one framework gives the same values on
    another.

    \b
    Examples:
      polyframe evaluate runs/digits_cnn/torch/1
      polyframe evaluate runs/digits_cnn/torch/1 -b mxnet --json
    """
    from polyframe.cli.output import print_json, print_matrices
    from polyframe.io.shown import shown_all
    from polyframe.run.load import open_run
    from polyframe.run.split import evaluate as evaluate_part
    from polyframe.run.train import check_fit, load_data

    opened = open_run(run, backend, device, False, best)
    data = load_data(opened.recipe)
    check_fit(opened.recipe, data)
    part, samples, values = evaluate_part(opened.model, opened.recipe, data)
    if as_json:
        print_json(
            {
                "run": run,
                "backend": opened.model.backend.name,
                "device": opened.model.device.name,
                "data": data.name,
                "part": part,
                "samples": samples,
                **values,
            }
        )
        return
    click.echo(
        f"{opened.model.spec.name} on {opened.model.backend.title}, {data.name} "
        f"({part}, {samples:,} samples): {shown_all(values)}"
    )
    print_matrices(values, data.classes)
