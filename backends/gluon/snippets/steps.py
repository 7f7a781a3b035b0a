"""What a training step needs besides its optimizer. Read, never imported."""


def trained(model):
    """The parameters that have gradients; Gluon's `collect_params` has all."""
    return [p for p in model.collect_params().values() if p.grad_req != "null"]


def own_rates(optimizer):
    """A class of optimizers with rates lr * lr_mult, as Gluon's own multipliers say.

    The class that is given takes lr for all of them.
    """

    class OwnRates(optimizer):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            self.aggregate_num = min(self.aggregate_num, 1)  # one parameter in a call

        def update(self, index, weight, grad, state):
            """Move one parameter, which may be in a list."""
            one = index[0] if isinstance(index, (list, tuple)) else index
            lr = self.lr
            self.lr = lr * self.param_dict[one].lr_mult
            super().update(index, weight, grad, state)
            self.lr = lr

        def _get_lrs(self, indices):
            return [self.lr for _ in indices]  # it is the parameter's own already

    return OwnRates


class Average:
    """The EMA of the weights, a = decay * a + (1 - decay) * w, which Gluon lacks."""

    def __init__(self, parameters, decay):
        self.parameters, self.decay = parameters, decay
        self.values = [p.data().copy() for p in parameters]

    def update(self):
        """Update it with the current weights."""
        for a, p in zip(self.values, self.parameters):
            a += (1 - self.decay) * (p.data() - a)
