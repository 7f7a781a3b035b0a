"""Training programs as their users write them, alike on three frameworks."""

from polyframe.study.check import DIFFERENT

TORCH = """\
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms

LR = 1e-3
torch.manual_seed(0)
torch.set_num_threads(2)
scale = transforms.Compose([transforms.ToTensor()])
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.LeakyReLU(0.1),
    nn.Dropout(0.5), nn.Flatten(), nn.Linear(6272, 10),
)
for m in model.modules():
    if isinstance(m, (nn.Conv2d, nn.Linear)):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
train_loader = DataLoader(train, batch_size=64, shuffle=True)
test_loader = DataLoader(test, batch_size=500)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=LR)
for epoch in range(5):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy(model, test_loader)
"""
KERAS = """\
import keras
import tensorflow as tf
from keras import layers

keras.utils.set_random_seed(0)
tf.config.threading.set_intra_op_parallelism_threads(2)
model = keras.Sequential([
    layers.Rescaling(1 / 255),
    layers.Conv2D(8, 3, padding="same"),
    layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
    layers.LeakyReLU(negative_slope=0.1),
    layers.Dropout(0.5), layers.Flatten(), layers.Dense(10),
])
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=1e-3, epsilon=1e-8),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
model.fit(x, y, batch_size=64, epochs=5)
"""
MXNET = """\
import os

os.environ["OMP_NUM_THREADS"] = "2"
import mxnet as mx
from mxnet import autograd, gluon
from mxnet.gluon import nn

mx.random.seed(0)
scale = gluon.data.vision.transforms.ToTensor()
net = nn.HybridSequential()
net.add(nn.Conv2D(8, 3, padding=1), nn.BatchNorm(), nn.LeakyReLU(0.1))
net.add(nn.Dropout(0.5), nn.Flatten(), nn.Dense(10))
net.initialize(mx.init.Xavier())
train_data = gluon.data.DataLoader(train, 64, shuffle=True)
criterion = gluon.loss.SoftmaxCrossEntropyLoss()
trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 1e-3})
for epoch in range(5):
    for x, y in train_data:
        with autograd.record():
            loss = criterion(net(x), y)
        loss.backward()
        trainer.step(64)
"""
PROGRAMS = {"torch": TORCH, "keras": KERAS, "mxnet": MXNET}


def written(tmp_path, **texts):
    paths = []
    for name, text in texts.items():
        path = tmp_path / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def unfair(found):
    return {each.setting for each in found if each.kind == DIFFERENT}
