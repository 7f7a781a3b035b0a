"""A user's script with mistakes: each line marked so is reported, and no other is."""

from __future__ import annotations

import polyframe as pf

layers = [pf.Conv2D(32, 3), pf.ReLU()]
pf.Conv2D("32", 3)  # wrong
pf.Conv2D(32, 3.5)  # wrong
pf.Conv2D(32, 3, strid=2)  # wrong
pf.Conv2D(32, 3, 1, 0, 1, 1, True, "zeros", None)  # wrong
pf.Conv2D()  # wrong
pf.Conv2D(32, 3, weight_init=0.5)  # wrong
pf.Conv2D(32, 3, name=1)  # wrong
pf.Conv2D(32, 3, padding=1.5)  # wrong
pf.ConvTranspose2D(32, 3, padding="same")  # wrong
pf.Dense(10, bias="no")  # wrong
pf.MaxPool2D("2")  # wrong
pf.Upsample(size=1.5)  # wrong
pf.LayerNorm(axes="channels")  # wrong
pf.Split(("1", 2), 0)  # wrong
pf.Reshape(shape=None)  # wrong
pf.BatchNorm(eps="small")  # wrong
pf.Add()(pf.ReLU())  # wrong
pf.Adam(lr="x")  # wrong
pf.Adam(1e-3, nesterov=True)  # wrong
pf.CrossEntropy(label_smoothing="much")  # wrong
pf.StepSchedule()  # wrong
pf.TopKAccuracy("5")  # wrong
pf.Mixup(alpha="much")  # wrong
pf.EarlyStopping(patience=None)  # wrong
pf.Sequential(layers, (1, 2, 3)).to_yaml().shape()  # wrong
pf.Sequential(layers).to_yaml()  # wrong
pf.Sequential(layers, "3, 32, 32")  # wrong
pf.ModelSpec(pf.Input((3, 8, 8)), pf.ReLU())  # wrong
pf.Conv2D(32, 3).kernel_size.height()  # wrong
pf.load_spec(3)  # wrong
pf.zoo.resnet19()  # wrong
pf.Conv4D(32, 3)  # wrong
pf.Dense(10)
