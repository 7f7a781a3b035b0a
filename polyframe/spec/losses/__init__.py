"""All losses. Adding one: a class in a file here, and an entry in each backend."""

from polyframe.spec.losses.base import *
from polyframe.spec.losses.binary import *
from polyframe.spec.losses.classes import *
from polyframe.spec.losses.distances import *
from polyframe.spec.losses.margins import *
from polyframe.spec.losses.regions import *
