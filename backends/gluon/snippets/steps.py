"""What a training step needs besides its optimizer. Read, never imported."""


def trained(model):
    """The parameters that have gradients."""
    return [p for p in model.collect_params().values() if p.grad_req != "null"]


class Average:
    """The EMA of the weights: a = decay * a + (1 - decay) * w after each step."""

    def __init__(self, parameters, decay):
        self.parameters, self.decay = parameters, decay
        self.values = [p.data().copy() for p in parameters]

    def update(self):
        """Update it with the current weights."""
        for a, p in zip(self.values, self.parameters):
            a += (1 - self.decay) * (p.data() - a)
