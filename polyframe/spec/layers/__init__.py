"""All layers. Adding one: a class in a file here, and an entry in each backend."""

from polyframe.spec.layers.activation import *
from polyframe.spec.layers.adaptive import *
from polyframe.spec.layers.base import Layer as Layer
from polyframe.spec.layers.batch_norm import *
from polyframe.spec.layers.conv import *
from polyframe.spec.layers.dense import *
from polyframe.spec.layers.merge import *
from polyframe.spec.layers.noise import *
from polyframe.spec.layers.norm import *
from polyframe.spec.layers.pool import *
from polyframe.spec.layers.resize import *
from polyframe.spec.layers.separable import *
from polyframe.spec.layers.shape import *
from polyframe.spec.layers.softmax import *
from polyframe.spec.layers.transposed import *
