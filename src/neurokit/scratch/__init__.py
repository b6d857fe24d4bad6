"""Scratch: neural networks by hand, in NumPy and nothing else, to be read from top to bottom.

Begin with ``perceptron``, then ``activations``, ``network`` and ``vanishing``; ``checking``, which refuses bad input,
can be left out. The rest of neurokit does not use any of it.
"""

from neurokit.scratch.activations import ACTIVATIONS as ACTIVATIONS
from neurokit.scratch.activations import Activation as Activation
from neurokit.scratch.activations import softmax as softmax
from neurokit.scratch.activations import softmax_jacobian as softmax_jacobian
from neurokit.scratch.initialisation import INITIALISERS as INITIALISERS
from neurokit.scratch.initialisation import initialise as initialise
from neurokit.scratch.losses import LOSSES as LOSSES
from neurokit.scratch.losses import Loss as Loss
from neurokit.scratch.network import Layer as Layer
from neurokit.scratch.network import Network as Network
from neurokit.scratch.network import count_parameters as count_parameters
from neurokit.scratch.network import gradient_error as gradient_error
from neurokit.scratch.perceptron import Perceptron as Perceptron
from neurokit.scratch.perceptron import neuron as neuron
from neurokit.scratch.vanishing import gradient_sizes as gradient_sizes
