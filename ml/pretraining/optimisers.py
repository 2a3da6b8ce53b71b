"""The optimiser, and its rate as a pure function of the step: there is no scheduler, so none has to be saved."""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, pi, sqrt

import torch
from lightly.utils.lars import LARS
from torch.nn import Parameter
from torch.optim import SGD, Adam, AdamW, Optimizer

from ml.pretraining.recipe import Training


def make_optimiser(parameters: Iterable[Parameter], training: Training) -> Optimizer:
    """Return the recipe's optimiser, whose rate is still to be set before each step.

    SGD, Adam and AdamW are torch's fused ones: one kernel for all parameters on a GPU, and on a CPU as well, where
    they give the same bits each time. LARS is lightly's; it waits for the device at every parameter, so it is for
    batches of thousands, where a step is long and nothing else trains.

    Weight decay follows the recipes published for each: SGD and Adam shrink every parameter (lightly's benchmarks,
    W-MSE); LARS and AdamW leave biases and normalisation alone (SimCLR, MoCo v3), which LARS then does not scale.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    decay, rate = training.weight_decay, training.rate
    match training.optimiser:
        case "sgd":
            return SGD(trained, lr=rate, momentum=training.momentum, weight_decay=decay, fused=True)
        case "adam":
            return Adam(trained, lr=rate, weight_decay=decay, fused=True)
        case "adamw":
            return AdamW(_spared(trained), lr=rate, weight_decay=decay, fused=True)
        case "lars":
            optimiser: Optimizer = LARS(_spared(trained), lr=rate, momentum=training.momentum, weight_decay=decay)
            return optimiser


def rate_at(step: int, *, training: Training, steps_per_epoch: int) -> float:
    """Return the rate of a step, counted from 0 over the whole run of a resolved recipe.

    It climbs in a line through the warm-up, whose last step has the full rate, and goes on by the schedule: a cosine
    that would reach 0 one step after the last, falls at the recipe's epochs, or nothing.
    """
    full, warmup = _full_rate(training), round(training.warmup_epochs * steps_per_epoch)
    if step < warmup:
        return full * (step + 1) / warmup
    epochs = int(training.epochs)
    match training.schedule:
        case "cosine":
            return full * (1 + cos(pi * (step - warmup) / (epochs * steps_per_epoch - warmup))) / 2
        case "steps":
            dropped = sum(step >= (epochs - before_end) * steps_per_epoch for before_end in training.drops)
            return full * training.drop**dropped
        case "constant":
            return full


def _full_rate(training: Training) -> float:
    portion = int(training.batch) / training.rate_batch
    return training.rate * {"linear": portion, "sqrt": sqrt(portion), "none": 1.0}[training.rate_scaling]


def _spared(parameters: list[Parameter]) -> list[dict[str, list[torch.nn.Parameter] | float]]:
    """Return groups for an optimiser: vectors, which are biases and normalisations, without weight decay."""
    return [
        {"params": [parameter for parameter in parameters if parameter.ndim > 1]},
        {"params": [parameter for parameter in parameters if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
