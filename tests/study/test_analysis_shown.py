"""How a study's analysis shows itself."""

from __future__ import annotations

from polyframe.study.estimates import Analysis, Estimate, Group


def group(low, high):
    return Group(
        "accuracy", "torch<b>", "aligned", (0, 1), (0.5, 0.75),
        Estimate(0.625, low, high, 2, "t"), 0.1,
    )  # fmt: skip


def test_it_shows_summary_warnings_and_means():
    analysis = Analysis(
        groups=(group(0.1, 1.15), group(None, None)),
        warnings=("One cell failed.",),
        summary=("torch<b> is as good as mxnet.",),
        stamp="VERIFIED",
        stamp_reason="Certificates were taken.",
    )
    assert analysis._text().splitlines() == [
        "Study: VERIFIED",
        "Certificates were taken.",
        "torch<b> is as good as mxnet.",
        "Warning: One cell failed.",
        "",
        "measure   contestant  variant   mean  95 % interval  seeds",
        "accuracy  torch<b>    aligned  0.625  0.1 to 1.15        2",
        "accuracy  torch<b>    aligned  0.625                     2",
    ]
    html = analysis._repr_html_()
    assert '<span class="pf-good">VERIFIED</span>' in html
    assert "<b>" not in html and html.count("torch&lt;b&gt;") == 3
    assert repr(analysis) == "<Analysis of 2 groups: VERIFIED>"


def test_large_numbers_are_written_out():
    large = Group(
        "examples_per_second", "torch", "aligned", (0,), (1e4,),
        Estimate(12345.6, 9999.0, 0.00012345, 1, "t"), None,
    )  # fmt: skip
    assert large.cells()[3:5] == ("12,346", "9,999 to 1.23e-04")


def test_stamps_are_coloured_by_what_they_say():
    for stamp, colour in {"UNVERIFIED": "bad", "OWN DEFAULTS": "word"}.items():
        assert f'class="pf-{colour}">{stamp}' in Analysis(stamp=stamp)._repr_html_()
