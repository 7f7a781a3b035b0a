"""MXNet Gluon programs as its users write them; see test_own_classes.py."""

from __future__ import annotations

import numpy as np

from polyframe.backends.gluon.runtime import mx

autograd, gluon, nd = mx.autograd, mx.gluon, mx.nd
nn = gluon.nn

OPTIMIZERS = {
    "Adadelta", "Adagrad", "Adam", "Adamax", "LAMB", "LARS", "NAdam", "RMSProp", "SGD",
}  # fmt: skip
LOSSES = {
    "binary_cross_entropy", "cosine", "cross_entropy", "hinge", "huber", "kl_div", "l1",
    "mse", "nll", "smooth_l1", "squared_hinge", "triplet",
}  # fmt: skip
FLOAT32_ONLY = {"Adadelta", "Adagrad", "RMSProp"}  # whose arrays are float32
WITHOUT_RATE = {"Adadelta"}
FEATURES = {"clip_norm", "clip_value", "factors", "decay_on"}


def lacks(rule):
    match rule.type:
        case "SGD":
            return rule.dampening and rule.momentum
        case "Adam":
            return rule.amsgrad
        case "Adamax":
            return rule.eps != 1e-8
        case "NAdam":
            return rule.decoupled_weight_decay
        case "RMSProp":
            return rule.momentum and not rule.centered
        case "Adagrad":
            return rule.lr_decay or rule.initial_accumulator_value
        case "Adadelta":
            return rule.lr != 1
        case "LAMB" | "LARS":
            return rule.decay_on != "all"


def optimizer_of(rule):
    """(name, options) of a Trainer's optimizer."""
    options = {"learning_rate": rule.lr, "wd": rule.weight_decay}
    if hasattr(rule, "beta1"):
        options |= {"beta1": rule.beta1, "beta2": rule.beta2}
    match rule.type:
        case "SGD":
            name = "nag" if rule.nesterov else "sgd"
            return name, options | {"momentum": rule.momentum}
        case "Adam" | "LAMB":
            return rule.type.lower(), options | {"epsilon": rule.eps}
        case "Adamax":
            return "adamax", options
        case "NAdam":
            more = {"epsilon": rule.eps, "schedule_decay": rule.momentum_decay}
            return "nadam", options | more
        case "RMSProp":
            more = {"gamma1": rule.alpha, "gamma2": rule.momentum}
            more |= {"epsilon": rule.eps, "centered": rule.centered}
            return "rmsprop", options | more
        case "Adagrad":
            return "adagrad", options | {"eps": rule.eps}
        case "Adadelta":
            return "adadelta", options | {"rho": rule.rho, "epsilon": rule.eps}
        case "LARS":
            more = {"momentum": rule.momentum, "eta": rule.trust_coefficient}
            return "lars", options | more


def rate_of(trainer):
    return trainer.learning_rate


def make_net(weights, dtype):
    net = nn.HybridSequential()
    net.add(
        nn.Dense(7, prefix="fc1_"), nn.Activation("tanh"), nn.Dense(4, prefix="fc2_")
    )
    net.cast(dtype)
    net.initialize()
    net.hybridize()
    net(nd.zeros((1, 5), dtype=dtype))
    parameters = {n.replace("_", "."): p for n, p in net.collect_params().items()}
    for name, parameter in parameters.items():
        parameter.set_data(nd.array(weights[name], dtype=dtype))
    return net, parameters


def train(rule, weights, batches, dtype, rates, clip=None, factors=None):
    made = optimizer_of(rule)
    how, bound = clip or ("", None)
    whole = steps(
        made, rule, weights, batches, dtype, rates, how, bound, factors, False
    )
    if how != "clip_norm":  # a norm is that of the mean's gradients
        each = steps(
            made, rule, weights, batches, dtype, rates, how, bound, factors, True
        )
        for one, other in zip(whole, each, strict=True):
            assert all(np.array_equal(one[name], other[name]) for name in one)
    return whole


def steps(made, rule, weights, batches, dtype, rates, how, bound, factors, summed):
    """The weights after each batch: with the mean of the losses and ``step(1)``, or with
    the losses and ``step(batch_size)``, as Gluon's tutorials have it."""
    net, parameters = make_net(weights, dtype)
    name, options = made
    if how == "clip_value":
        options = options | {"clip_gradient": bound}
    for key, (rate, decay) in (factors or {}).items():
        parameters[key].lr_mult, parameters[key].wd_mult = rate, decay
    if rule.decay_on == "kernels":
        for parameter in parameters.values():
            if len(parameter.shape) == 1:
                parameter.wd_mult = 0.0
    trainer = gluon.Trainer(net.collect_params(), name, options)
    loss_fn, after = gluon.loss.L2Loss(), []
    for (x, y), rate in zip(batches, rates, strict=True):
        trainer.set_learning_rate(rate)
        with autograd.record():
            losses = loss_fn(net(nd.array(x, dtype=dtype)), nd.array(y, dtype=dtype))
            loss = losses if summed else losses.mean()
        loss.backward()
        if how == "clip_norm":
            gradients = [p.grad() for p in parameters.values()]
            gluon.utils.clip_global_norm(gradients, bound)
        trainer.step(len(x) if summed else 1)
        after.append({n: p.data().asnumpy() for n, p in parameters.items()})
    return after


def loss(loss, weight, x, target, dtype):
    image = x.ndim > 2
    units, size = weight.shape[0], (1,) if image else ()
    layer = (nn.Conv2D if image else nn.Dense)(units, *size, use_bias=False)
    layer.cast(dtype)
    layer.initialize()
    layer.weight.set_data(nd.array(weight, dtype=dtype))
    labels = target.dtype.kind in "iu"
    criterion = criterion_of(loss, dtype, image, labels)
    if criterion is None:
        return None
    x, target = nd.array(x, dtype=dtype), nd.array(target, dtype=target.dtype)
    with autograd.record():
        value = criterion(layer(x), target).mean()
    value.backward()
    return value.asscalar().item(), layer.weight.grad().asnumpy()


def criterion_of(loss, dtype, image, labels):
    own = gluon.loss
    match loss.type:
        case "cross_entropy" | "nll":
            asked = loss.class_weights or loss.ignore_index is not None
            if asked or loss.label_smoothing:
                return None
            return own.SoftmaxCrossEntropyLoss(
                axis=1 if image else -1,
                sparse_label=labels,
                from_logits=loss.type == "nll",
            )
        case "binary_cross_entropy":
            if loss.label_smoothing:
                return None
            criterion = own.SigmoidBinaryCrossEntropyLoss()
            if loss.pos_weight is None:
                return criterion
            weight = nd.array(loss.pos_weight, dtype=dtype)
            if image and len(loss.pos_weight) > 1:
                weight = weight.reshape((1, -1, 1, 1))
            return lambda x, y: criterion(x, y, None, weight)
        case "cosine":
            if image or dtype != "float32":
                return None
            return lambda x, y: own.CosineEmbeddingLoss()(x, y, nd.ones(len(x)))
        case "huber":
            return own.HuberLoss(rho=loss.delta)
        case "smooth_l1":
            return own.HuberLoss(rho=loss.beta) if loss.beta else own.L1Loss()
        case "kl_div":
            return own.KLDivLoss() if loss.batchmean and not loss.log_target else None
        case "triplet":
            if loss.swap or loss.p != 2 or loss.eps != 1e-6:
                return None
            criterion = own.TripletLoss(margin=loss.margin)
            return lambda x, y: criterion(*nd.split(x, 3, axis=1))
        case "hinge":
            return own.HingeLoss(margin=loss.margin)
        case "squared_hinge":
            return own.SquaredHingeLoss(margin=loss.margin)
        case "l1":
            return own.L1Loss()
        case "mse":
            return own.L2Loss()


def noise(layer, x, seed):
    x = nd.array(x, dtype=x.dtype)
    mx.random.seed(seed)
    with autograd.train_mode():
        if layer.type == "GaussianNoise":  # Gluon has no layer: the helper by hand
            sign = nn.Dropout(0.5)(nd.ones_like(x)) - 1
            y = x + layer.stddev * sign * nd.random.normal_like(x)
        else:
            axes = {"Dropout": (), "SpatialDropout2D": (2, 3), "DropPath": (1, 2, 3)}
            y = nn.Dropout(layer.p, axes[layer.type])(x)
    return y.asnumpy()
