"""Running JAX programs on the CPU."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from polyframe.contract.pure_session import PureSession
from polyframe.io.array import Array

jax.config.update("jax_enable_x64", True)  # or float64 would silently be float32


class JaxSession(PureSession):
    """A JAX program."""

    def tensors(self, arrays: Sequence[Array]) -> list[jax.Array]:
        """Copies: JAX would share the memory of an array that it is given."""
        dtype = self.target.dtype
        return [jnp.array(a, dtype if a.dtype.kind == "f" else a.dtype) for a in arrays]
