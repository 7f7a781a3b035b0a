"""Attributes of ``gluon.HybridBlock`` that a layer's name would hide (MXNet 1.9.1), and
what programs keep in a model."""

RESERVED = frozenset(
    """
apply cast collect_params export forward hybrid_forward hybridize infer_shape
infer_type initialize load load_parameters load_params name name_scope optimize_for
params prefix register_child register_forward_hook register_forward_pre_hook
register_op_hook save save_parameters save_params statistics summary
""".split()
)
