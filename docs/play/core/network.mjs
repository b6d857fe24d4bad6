// A fully connected network that really computes and really learns: forward pass, loss, backward pass, plain SGD.
// A layer is {weights, biases, activation}: weights[neuron][input], as torch.nn.Linear keeps them.

import { activations, softmax } from "./activations.mjs";
import { normal } from "./numbers.mjs";

/** A new network with these layer sizes: He's weights before a ReLU, Xavier's elsewhere, biases at zero. */
export function createNetwork(sizes, layerActivations, seed = 0) {
  const random = normal(seed);
  return layerActivations.map((activation, index) => {
    const [inputs, neurons] = [sizes[index], sizes[index + 1]];
    const scale = Math.sqrt((/relu/.test(activation) ? 2 : 1) / inputs);
    const weights = Array.from({ length: neurons }, () => Float64Array.from({ length: inputs }, () => random() * scale));
    return { weights, biases: new Float64Array(neurons), activation };
  });
}

/** Every layer's sums z and outputs a for one row of inputs. Softmax looks at a whole layer, all others at one neuron. */
export function forward(layers, inputs) {
  const trace = [];
  let previous = inputs;
  for (const { weights, biases, activation } of layers) {
    const z = new Float64Array(biases.length);
    for (let neuron = 0; neuron < z.length; neuron++) {
      const row = weights[neuron];
      let sum = biases[neuron];
      for (let i = 0; i < row.length; i++) sum += row[i] * previous[i];
      z[neuron] = sum;
    }
    const a = activation === "softmax" ? Float64Array.from(softmax([...z])) : z.map((sum) => activations[activation].value(sum));
    trace.push({ z, a });
    previous = a;
  }
  return trace;
}

// Each loss of one row, and its gradient by the network's last sums or outputs, before the mean over the batch.
// They are PyTorch's: MSELoss, BCELoss (logarithms cut at −100) and CrossEntropyLoss, which has the softmax inside.
export const losses = {
  mse: {
    of: ({ a }, targets) => a.reduce((sum, output, i) => sum + (output - targets[i]) ** 2, 0) / a.length,
    byOutputs: ({ a }, targets) => a.map((output, i) => (2 * (output - targets[i])) / a.length),
  },
  bce: {
    of: ({ a }, targets) => {
      const log = (share) => Math.max(Math.log(share), -100);
      return a.reduce((sum, p, i) => sum - (targets[i] * log(p) + (1 - targets[i]) * log(1 - p)), 0) / a.length;
    },
    byOutputs: ({ a }, targets) => a.map((p, i) => (p - targets[i]) / Math.max(p * (1 - p), 1e-12) / a.length),
  },
  cross_entropy: {
    of: ({ z }, label) => {
      const largest = Math.max(...z);
      return Math.log(z.reduce((sum, score) => sum + Math.exp(score - largest), 0)) + largest - z[label];
    },
    bySums: ({ z }, label) => Float64Array.from(softmax([...z]), (share, i) => share - (i === label ? 1 : 0)),
  },
};

/** The loss of a batch, the mean over its rows. */
export function batchLoss(loss, traces, targets) {
  return traces.reduce((sum, trace, row) => sum + losses[loss].of(trace.at(-1), targets[row]), 0) / traces.length;
}

export const zeroGradients = (layers) =>
  layers.map(({ weights, biases }) => ({
    weights: weights.map((row) => new Float64Array(row.length)),
    biases: new Float64Array(biases.length),
  }));

/** Add a batch's gradients to `gradients`, as loss.backward() does: from the last layer to the first, by the chain rule. */
export function backward(layers, loss, rows, traces, targets, gradients) {
  rows.forEach((inputs, row) => {
    const trace = traces[row];
    const last = layers.length - 1;
    const { byOutputs, bySums } = losses[loss];
    let byOutput = byOutputs?.(trace[last], targets[row]);
    for (let index = last; index >= 0; index--) {
      const { weights, activation } = layers[index];
      const { slope } = activations[activation];
      const bySum = byOutput
        ? byOutput.map((gradient, neuron) => gradient * slope(trace[index].z[neuron]))
        : bySums(trace[index], targets[row]);
      const previous = index === 0 ? inputs : trace[index - 1].a;
      const into = gradients[index];
      byOutput = new Float64Array(previous.length);
      for (let neuron = 0; neuron < bySum.length; neuron++) {
        const gradient = bySum[neuron] / rows.length;
        into.biases[neuron] += gradient;
        for (let i = 0; i < previous.length; i++) {
          into.weights[neuron][i] += gradient * previous[i];
          byOutput[i] += weights[neuron][i] * bySum[neuron];
        }
      }
    }
  });
}

/** One step of plain SGD: every weight goes `learningRate` times its gradient downhill. */
export function descend(layers, gradients, learningRate) {
  layers.forEach(({ weights, biases }, index) => {
    const by = gradients[index];
    biases.forEach((_, neuron) => {
      biases[neuron] -= learningRate * by.biases[neuron];
      weights[neuron].forEach((_, i) => (weights[neuron][i] -= learningRate * by.weights[neuron][i]));
    });
  });
}

/** `steps` iterations on one batch, for networks that only need to have learnt something. Returns the loss before each. */
export function train(layers, loss, rows, targets, { learningRate, steps }) {
  const history = [];
  for (let step = 0; step < steps; step++) {
    const gradients = zeroGradients(layers);
    const traces = rows.map((inputs) => forward(layers, inputs));
    history.push(batchLoss(loss, traces, targets));
    backward(layers, loss, rows, traces, targets, gradients);
    descend(layers, gradients, learningRate);
  }
  return history;
}

const copy = (layers) =>
  layers.map((layer) => ({ ...layer, weights: layer.weights.map((row) => row.slice()), biases: layer.biases.slice() }));

/** Train a copy, by the largest of some learning rates that brings the loss down: what suits 81 parameters breaks 100 000. */
export function trainGently(layers, loss, rows, targets, steps) {
  for (const learningRate of [0.1, 0.03, 0.01, 0.003, 0.001]) {
    const learnt = copy(layers);
    const first = train(learnt, loss, rows, targets, { learningRate, steps: Math.min(steps, 5) });
    if (!(first.at(-1) <= first[0])) continue; // it jumps, or is no number any more: the rest would be in vain
    const rest = train(learnt, loss, rows, targets, { learningRate, steps: steps - first.length });
    const history = [...first, ...rest, batchLoss(loss, rows.map((inputs) => forward(learnt, inputs)), targets)];
    if (history.at(-1) < history[0]) return { layers: learnt, history, learningRate };
  }
  const loss0 = batchLoss(loss, rows.map((inputs) => forward(layers, inputs)), targets);
  return { layers, history: [loss0, loss0], learningRate: 0 }; // nothing helps where the loss is at its lowest
}
