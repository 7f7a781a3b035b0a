"""Optimizers that are copied into programs: those that PyTorch has not, or not exact.

This file is read, never imported by polyframe.
"""

import torch


class NAdam(torch.optim.Optimizer):
    """NAdam; PyTorch's own keeps the product of the momenta in float32.

    Here it is a Python number, which is computed from the step count where it is not
    known.
    """

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0.0,
        momentum_decay=4e-3,
        decoupled_weight_decay=False,
    ):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.beta1, self.beta2 = betas
        self.eps = eps
        self.momentum_decay = momentum_decay
        self.decoupled = decoupled_weight_decay
        self.product, self.known = 1.0, 0

    def momentum(self, step):
        """Return the momentum of a step."""
        return self.beta1 * (1 - 0.5 * 0.96 ** (step * self.momentum_decay))

    def momenta(self, step):
        """Return the product of the momenta up to a step."""
        while self.known < step:
            self.known += 1
            self.product *= self.momentum(self.known)
        return self.product

    @torch.no_grad()
    def step(self):
        """Take one step."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.move(p, p.grad, group["lr"], group["weight_decay"])

    def move(self, p, grad, lr, decay):
        """Move one parameter."""
        state = self.state[p]
        if not state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"] = torch.zeros_like(p)
            state["exp_avg_sq"] = torch.zeros_like(p)
        state["step"] += 1
        step = state["step"].item()
        if decay and self.decoupled:
            p.mul_(1 - lr * decay)
        elif decay:
            grad = grad.add(p, alpha=decay)
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean.mul_(self.beta1).add_(grad, alpha=1 - self.beta1)
        square.mul_(self.beta2).addcmul_(grad, grad, value=1 - self.beta2)
        size = square.div(1 - self.beta2**step).sqrt_().add_(self.eps)
        now, following = self.momentum(step), self.momentum(step + 1)
        product = self.momenta(step)
        p.addcdiv_(grad, size, value=-lr * (1 - now) / (1 - product))
        p.addcdiv_(mean, size, value=-lr * following / (1 - product * following))


class Lion(torch.optim.Optimizer):
    """Lion (Chen et al. 2023), which PyTorch lacks: every weight moves by lr or not.

    Weight decay is decoupled.
    """

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.beta1, self.beta2 = betas

    @torch.no_grad()
    def step(self):
        """Take one step."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.move(p, p.grad, group["lr"], group["weight_decay"])

    def move(self, p, grad, lr, decay):
        """Move one parameter."""
        state = self.state[p]
        if not state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"] = torch.zeros_like(p)
        state["step"] += 1
        mean = state["exp_avg"]
        direction = mean.mul(self.beta1).add_(grad, alpha=1 - self.beta1).sign_()
        if decay:
            p.mul_(1 - lr * decay)
        p.add_(direction, alpha=-lr)
        mean.mul_(self.beta2).add_(grad, alpha=1 - self.beta2)


class LAMB(torch.optim.Optimizer):
    """LAMB (You et al. 2020), which PyTorch lacks: Adam scaled to the weights' norm.

    A group of parameters with `adapt` False has no trust ratio.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0):
        defaults = {"lr": lr, "weight_decay": weight_decay, "adapt": True}
        super().__init__(params, defaults)
        self.beta1, self.beta2 = betas
        self.eps = eps

    @torch.no_grad()
    def step(self):
        """Take one step."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    update = self.direction(p, p.grad, group["weight_decay"])
                    if group["adapt"]:
                        update *= self.ratio(p, update)
                    p.add_(update, alpha=-group["lr"])

    def direction(self, p, grad, decay):
        """Return Adam's step of length 1, and the decay."""
        state = self.state[p]
        if not state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"] = torch.zeros_like(p)
            state["exp_avg_sq"] = torch.zeros_like(p)
        state["step"] += 1
        step = state["step"].item()
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean.mul_(self.beta1).add_(grad, alpha=1 - self.beta1)
        square.mul_(self.beta2).addcmul_(grad, grad, value=1 - self.beta2)
        size = square.div(1 - self.beta2**step).sqrt_().add_(self.eps)
        return mean.div(1 - self.beta1**step).div_(size).add_(p, alpha=decay)

    def ratio(self, p, update):
        """Return the trust ratio |w| / |update|, or 1 where one of them is 0."""
        of_w, of_u = p.norm(), update.norm()
        return torch.where((of_w > 0) & (of_u > 0), of_w / of_u, 1.0)


class LARS(torch.optim.Optimizer):
    """LARS (You et al. 2017), which PyTorch lacks: a rate for each parameter.

    The velocity does not hold the learning rate. A group of parameters with `adapt`
    False has no rate of its own.
    """

    def __init__(
        self, params, lr=1e-2, momentum=0.9, weight_decay=0.0, trust_coefficient=1e-3
    ):
        defaults = {"lr": lr, "weight_decay": weight_decay, "adapt": True}
        super().__init__(params, defaults)
        self.momentum, self.trust_coefficient = momentum, trust_coefficient

    @torch.no_grad()
    def step(self):
        """Take one step."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    update = self.update(p, p.grad, group)
                    p.add_(update, alpha=-group["lr"])

    def update(self, p, grad, group):
        """Return what is subtracted from one parameter, times lr."""
        update = grad.add(p, alpha=group["weight_decay"])
        if group["adapt"]:
            update *= self.rate(p, grad, group["weight_decay"])
        if not self.momentum:
            return update
        state = self.state[p]
        if not state:
            state["step"] = torch.tensor(0.0)
            state["momentum_buffer"] = torch.zeros_like(p)
        state["step"] += 1
        return state["momentum_buffer"].mul_(self.momentum).add_(update)

    def rate(self, p, grad, decay):
        """Return the parameter's own rate, or 1 where a norm is 0."""
        of_w, of_g = p.norm(), grad.norm()
        rate = self.trust_coefficient * of_w / (of_g + decay * of_w)
        return torch.where((of_w > 0) & (of_g > 0), rate, 1.0)
