"""Examples of convolutions: their fields, and the shapes (C, …) of an input."""

from __future__ import annotations

from polyframe.spec.layers.base import Examples

EXAMPLES_1D: Examples = (
    ({"out_channels": 4, "kernel_size": 3}, ((3, 7),)),
    ({"out_channels": 4, "kernel_size": 3, "padding": "same"}, ((2, 6),)),
    ({"out_channels": 4, "kernel_size": 3, "padding": 1, "bias": False}, ((3, 6),)),
    (
        {"out_channels": 4, "kernel_size": 2, "stride": 2, "padding": "same"},
        ((3, 7),),
    ),
    ({"out_channels": 3, "kernel_size": 3, "padding": ((2, 1),)}, ((2, 5),)),
    ({"out_channels": 3, "kernel_size": 3, "dilation": 2}, ((2, 8),)),
    (
        {"out_channels": 3, "kernel_size": 2, "dilation": 3, "stride": 2},
        ((2, 9),),
    ),
    ({"out_channels": 6, "kernel_size": 3, "groups": 2, "dilation": 2}, ((4, 9),)),
    ({"out_channels": 8, "kernel_size": 3, "groups": 4, "stride": 2}, ((4, 8),)),
    (
        {
            "out_channels": 4,
            "kernel_size": 3,
            "groups": 2,
            "stride": 4,
            "dilation": 2,
            "padding": ((1, 2),),
        },
        ((6, 11),),
    ),
    (
        {
            "out_channels": 4,
            "kernel_size": 3,
            "groups": 2,
            "dilation": 2,
            "stride": 2,
            "padding": 1,
            "padding_mode": "circular",
            "bias": False,
        },
        ((2, 7),),
    ),
    (
        {
            "out_channels": 3,
            "kernel_size": 3,
            "padding": ((2, 1),),
            "padding_mode": "reflect",
        },
        ((2, 3),),
    ),
    (
        {
            "out_channels": 3,
            "kernel_size": 3,
            "padding": 2,
            "padding_mode": "replicate",
        },
        ((2, 2),),
    ),
    (
        {
            "out_channels": 6,
            "kernel_size": 3,
            "groups": 3,
            "dilation": 2,
            "stride": 3,
            "padding": "same",
        },
        ((3, 8),),
    ),
)

EXAMPLES_2D: Examples = (
    ({"out_channels": 4, "kernel_size": 3}, ((3, 7, 6),)),
    ({"out_channels": 4, "kernel_size": 3, "padding": "same"}, ((2, 5, 6),)),
    (
        {"out_channels": 4, "kernel_size": 3, "padding": 1, "bias": False},
        ((3, 6, 6),),
    ),
    (
        {"out_channels": 4, "kernel_size": (3, 2), "stride": 2, "padding": "same"},
        ((3, 7, 6),),
    ),
    (
        {"out_channels": 3, "kernel_size": 3, "padding": ((0, 1), (2, 0))},
        ((2, 5, 6),),
    ),
    ({"out_channels": 4, "kernel_size": (1, 5), "stride": (1, 3)}, ((2, 4, 9),)),
    ({"out_channels": 3, "kernel_size": 3, "dilation": 2}, ((2, 8, 7),)),
    (
        {"out_channels": 3, "kernel_size": 2, "dilation": (2, 3), "stride": 2},
        ((2, 8, 9),),
    ),
    ({"out_channels": 6, "kernel_size": 3, "groups": 2}, ((4, 6, 5),)),
    (
        {"out_channels": 4, "kernel_size": 3, "groups": 2, "dilation": 2},
        ((4, 7, 8),),
    ),
    ({"out_channels": 8, "kernel_size": 3, "groups": 4, "stride": 2}, ((4, 6, 5),)),
    ({"out_channels": 5, "kernel_size": 1}, ((3, 4, 4),)),
    ({"out_channels": 4, "kernel_size": 1, "stride": (2, 3)}, ((3, 5, 7),)),
    ({"out_channels": 5, "kernel_size": 3, "padding": 1}, ((3, 1, 1),)),
    (
        {
            "out_channels": 4,
            "kernel_size": (3, 5),
            "dilation": 2,
            "padding": (2, 4),
            "groups": 4,
        },
        ((4, 1, 1),),
    ),
    (
        {
            "out_channels": 3,
            "kernel_size": 3,
            "padding": 1,
            "padding_mode": "reflect",
        },
        ((2, 4, 5),),
    ),
    (
        {
            "out_channels": 3,
            "kernel_size": 3,
            "padding": ((2, 0), (1, 3)),
            "padding_mode": "circular",
        },
        ((2, 4, 5),),
    ),
    (
        {
            "out_channels": 3,
            "kernel_size": 3,
            "padding": "same",
            "padding_mode": "replicate",
            "stride": 2,
            "dilation": 2,
        },
        ((2, 5, 6),),
    ),
    (
        {
            "out_channels": 4,
            "kernel_size": 3,
            "padding": (0, 2),
            "padding_mode": "reflect",
            "groups": 2,
            "stride": (2, 3),
            "dilation": (2, 1),
        },
        ((4, 7, 6),),
    ),
    (
        {
            "out_channels": 4,
            "kernel_size": 2,
            "groups": 4,
            "stride": (1, 3),
            "dilation": (2, 1),
            "padding": 1,
        },
        ((4, 6, 5),),
    ),
    (
        {
            "out_channels": 8,
            "kernel_size": 3,
            "groups": 4,
            "stride": (2, 4),
            "dilation": (1, 3),
            "padding": "same",
        },
        ((4, 6, 7),),
    ),
)

EXAMPLES_3D: Examples = (
    ({"out_channels": 3, "kernel_size": 2}, ((2, 3, 4, 3),)),
    ({"out_channels": 2, "kernel_size": 3, "padding": "same"}, ((2, 3, 4, 5),)),
    (
        {"out_channels": 2, "kernel_size": 3, "padding": 1, "bias": False},
        ((2, 3, 3, 4),),
    ),
    (
        {
            "out_channels": 3,
            "kernel_size": (2, 3, 1),
            "stride": (1, 2, 3),
            "padding": ((0, 1), (2, 0), (1, 1)),
        },
        ((2, 4, 5, 4),),
    ),
    (
        {"out_channels": 2, "kernel_size": 2, "dilation": (1, 2, 3)},
        ((2, 3, 4, 5),),
    ),
    (
        {"out_channels": 4, "kernel_size": 2, "groups": 2, "dilation": 2},
        ((4, 4, 4, 3),),
    ),
    (
        {"out_channels": 4, "kernel_size": 2, "groups": 4, "stride": 2},
        ((4, 4, 3, 4),),
    ),
    (
        {
            "out_channels": 2,
            "kernel_size": 2,
            "groups": 2,
            "stride": (2, 3, 4),
            "dilation": (3, 2, 2),
            "padding": "same",
        },
        ((4, 5, 4, 5),),
    ),
    (
        {
            "out_channels": 2,
            "kernel_size": 2,
            "padding": ((1, 0), (0, 2), (1, 1)),
            "padding_mode": "reflect",
        },
        ((2, 2, 3, 4),),
    ),
    (
        {
            "out_channels": 2,
            "kernel_size": 2,
            "padding": 1,
            "padding_mode": "replicate",
        },
        ((2, 2, 3, 1),),
    ),
    (
        {
            "out_channels": 2,
            "kernel_size": 2,
            "padding": (0, 1, 2),
            "padding_mode": "circular",
            "groups": 2,
            "stride": 2,
        },
        ((2, 3, 3, 2),),
    ),
)
