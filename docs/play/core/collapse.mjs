// Why non-linearity matters: a stack of linear layers multiplied out into one.

import { createNetwork, forward } from "./network.mjs";
import { normal } from "./numbers.mjs";

export const STACK = [1, 3, 3, 1];

/** Three small layers with `activation` between them and none after the last; biases too, so that the bends lie apart. */
export function createStack(activation, seed) {
  const layers = createNetwork(STACK, [activation, activation, "linear"], seed);
  const random = normal(seed + 1000);
  layers.forEach(({ weights, biases }, index) => {
    weights.forEach((row) => row.forEach((_, i) => (row[i] = [1, 1.2, 1][index] * random())));
    biases.forEach((_, neuron) => (biases[neuron] = [2, 1, 0.3][index] * random()));
  });
  return layers;
}

/** Two layers as one: W = W₂W₁, b = W₂b₁ + b₂. The same function only where nothing non-linear stands between them. */
export function merge(first, second) {
  const inputs = first.weights[0].length;
  const times = (row, column) => row.reduce((sum, weight, k) => sum + weight * column(k), 0);
  return {
    weights: second.weights.map((row) =>
      Float64Array.from({ length: inputs }, (_, i) => times(row, (k) => first.weights[k][i])),
    ),
    biases: second.biases.map((bias, neuron) => times(second.weights[neuron], (k) => first.biases[k]) + bias),
    activation: second.activation,
  };
}

/** The whole stack multiplied out, whatever stands between its layers. */
export const collapse = (layers) => layers.reduce(merge);

export const output = (layers, x) => forward(layers, [x]).at(-1).a[0];

/** The largest distance on [−5, 5] between a stack and its multiplied-out layer: 0 but for rounding where it is linear. */
export function largestGap(layers) {
  const single = [{ ...collapse(layers), activation: "linear" }];
  let gap = 0;
  for (let x = -5; x <= 5; x += 0.05) gap = Math.max(gap, Math.abs(output(layers, x) - output(single, x)));
  return gap;
}
