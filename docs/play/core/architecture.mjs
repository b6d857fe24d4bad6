// What a network's layer sizes say about it: shapes, parameter counts, the PyTorch program, and a task to try it on.

import { many, normal, tell } from "./numbers.mjs";

export const PRESETS = {
  simple: { title: "Simple", sizes: [4, 8, 1] },
  chapter: { title: "Textbook", sizes: [4, 8, 4, 1] },
  deep: { title: "Deep", sizes: [4, 32, 16, 8, 1] },
  wide: { title: "Wide", sizes: [4, 128, 1] },
  classification: { title: "Classification", sizes: [4, 16, 8, 3] },
};

// How a task ends the network: what its output means, and the loss that goes with it.
export const TASKS = {
  regression: { title: "a number (regression)", activation: "linear", loss: "mse" },
  binary: { title: "yes or no (probability)", activation: "sigmoid", loss: "bce" },
  classes: { title: "one of several classes", activation: "softmax", loss: "cross_entropy" },
};

/** One entry a layer of weights: what it maps to what, and how many parameters that takes. */
export function describeLayers(sizes) {
  return sizes.slice(1).map((neurons, index) => {
    const inputs = sizes[index];
    const weights = inputs * neurons;
    const last = index === sizes.length - 2;
    const title = last ? "Output" : `Hidden ${index + 1}`;
    return { title, inputs, neurons, weights, biases: neurons, parameters: weights + neurons };
  });
}

/** All weights, all biases, and their sum: Σ (inputs × neurons + neurons). */
export function countParameters(sizes) {
  const layers = describeLayers(sizes);
  const total = (key) => layers.reduce((sum, layer) => sum + layer[key], 0);
  return { weights: total("weights"), biases: total("biases"), parameters: total("parameters") };
}

const MODULES = { relu: "nn.ReLU()", leaky_relu: "nn.LeakyReLU()", tanh: "nn.Tanh()", sigmoid: "nn.Sigmoid()", linear: null };

// Where the loss has the last activation inside, the model ends without it: more exact, and what PyTorch's losses expect.
const ENDINGS = {
  regression: { loss: "mse", comment: "" },
  binary: { loss: "bce_with_logits", comment: "  # the sigmoid is in the loss" },
  classes: { loss: "cross_entropy", comment: "  # the softmax is in the loss" },
};

/** The network as a PyTorch program, and the line that makes a neurokit trainer of it. */
export function pythonProgram(sizes, hiddenActivations, task) {
  const layers = sizes.slice(1).map((neurons, index) => {
    const linear = `nn.Linear(${sizes[index]}, ${neurons}),`;
    const last = index === sizes.length - 2;
    const module = last ? null : MODULES[hiddenActivations[index]];
    return `    ${linear}${module ? ` ${module},` : ""}${last ? ENDINGS[task].comment : ""}`;
  });
  return [
    "from torch import nn",
    "import neurokit as nk",
    "",
    "model = nn.Sequential(",
    ...layers,
    ")",
    `trainer = nk.Trainer(model, loss="${ENDINGS[task].loss}")`,
  ].join("\n");
}

/** What deserves a word about these choices, most important first; often nothing. */
export function remarks(sizes, hiddenActivations, task) {
  const found = [];
  const { parameters } = countParameters(sizes);
  if (hiddenActivations.every((activation) => activation === "linear")) {
    found.push("Every hidden layer is linear, so the whole stack can do no more than one linear layer.");
  }
  const deep = hiddenActivations.filter((activation) => activation === "sigmoid").length;
  if (deep >= 3) {
    found.push(
      `${deep} sigmoid layers: their slopes, 0.25 at best, leave the first layer at most ${tell(0.25 ** deep)} of a gradient, weights aside.`,
    );
  }
  const narrow = sizes.slice(1, -1).findIndex((size) => size === 1);
  if (narrow >= 0) {
    found.push(`Hidden layer ${narrow + 1} has a single neuron: all that later layers learn of a row is one number.`);
  }
  if (task === "classes" && sizes.at(-1) === 1) {
    found.push("A softmax over one class is always 1: choose two classes or more.");
  }
  if (parameters > 10000) found.push(`${many(parameters, "parameter")}: make sure there are rows enough to learn them from.`);
  return found;
}

/** A made-up task of the network's shape, so that its weights can be seen after some training: 32 rows, fixed by the seed. */
export function toyTask(sizes, task, seed = 7) {
  const random = normal(seed);
  const [inputs, outputs] = [sizes[0], sizes.at(-1)];
  const rows = Array.from({ length: 32 }, () => Float64Array.from({ length: inputs }, random));
  const directions = Array.from({ length: outputs }, () => Array.from({ length: inputs }, () => random() / Math.sqrt(inputs)));
  const scores = rows.map((row) =>
    directions.map((direction) => direction.reduce((sum, weight, i) => sum + weight * row[i], 0)),
  );
  const targets = scores.map((score) => {
    if (task === "classes") return score.indexOf(Math.max(...score));
    return score.map((one) => (task === "binary" ? Number(Math.abs(one) < 0.7) : Math.sin(2 * one)));
  });
  return { rows, targets };
}
