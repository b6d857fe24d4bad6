// The seven activation functions of the explorer, each with its derivative. Nothing here draws, and nothing here is
// rounded: tests/play holds every value against PyTorch's.

export const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** Softmax of a list of scores: positive numbers that sum to one. The largest score is taken off first, so none overflows. */
export function softmax(scores) {
  const largest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/** Softmax in one dimension: the share of a class whose score is x, against two rivals whose scores stay 0. */
export const softmaxShare = (x) => softmax([x, 0, 0])[0];

export const LEAK = 0.01; // torch.nn.LeakyReLU's own slope below zero

// value(x, leak) and slope(x, leak). At a corner the slope is PyTorch's choice: 0 for ReLU, the leak for leaky ReLU.
export const activations = {
  linear: {
    title: "Linear",
    formula: "x",
    range: "(−∞, ∞)",
    use: "the output of a regression",
    value: (x) => x,
    slope: () => 1,
    note: "Changes nothing, so a stack of linear layers is one linear layer. Open “Why non-linearity matters” below.",
  },
  step: {
    title: "Step",
    formula: "1 if x ≥ 0, else 0",
    range: "{0, 1}",
    use: "the perceptron of 1958",
    value: (x) => (x >= 0 ? 1 : 0),
    slope: () => 0,
    note: "Flat everywhere: its gradient is zero, so gradient descent learns nothing through it.",
  },
  sigmoid: {
    title: "Sigmoid",
    formula: "1 / (1 + e⁻ˣ)",
    range: "(0, 1)",
    use: "the output of a yes-or-no question",
    value: sigmoid,
    slope: (x) => sigmoid(x) * (1 - sigmoid(x)),
    note: "Its slope is 0.25 at best and almost nothing at both ends: there, gradients vanish.",
  },
  tanh: {
    title: "Tanh",
    formula: "(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)",
    range: "(−1, 1)",
    use: "hidden layers, centred on zero",
    value: Math.tanh,
    slope: (x) => 1 - Math.tanh(x) ** 2,
    note: "A sigmoid centred on zero, with slope 1 in the middle; both ends are flat all the same.",
  },
  relu: {
    title: "ReLU",
    formula: "max(0, x)",
    range: "[0, ∞)",
    use: "hidden layers, the usual choice",
    value: (x) => (x > 0 ? x : 0),
    slope: (x) => (x > 0 ? 1 : 0),
    note: "Cheap, and never flat above zero. Below zero the gradient is exactly 0: a neuron that stays there is dead.",
  },
  leaky_relu: {
    title: "Leaky ReLU",
    formula: "x if x > 0, else leak · x",
    range: "(−∞, ∞)",
    use: "hidden layers whose ReLUs die",
    value: (x, leak = LEAK) => (x > 0 ? x : leak * x),
    slope: (x, leak = LEAK) => (x > 0 ? 1 : leak),
    note: "A ReLU that lets a little through below zero, so no neuron is dead for good.",
  },
  softmax: {
    title: "Softmax",
    formula: "eˣ / (eˣ + e⁰ + e⁰)",
    range: "(0, 1)",
    use: "the output for several classes",
    value: softmaxShare,
    slope: (x) => softmaxShare(x) * (1 - softmaxShare(x)),
    note: "The share of one class against two rivals that score 0. All three shares sum to 1; with one rival it is the sigmoid.",
  },
};

export const names = Object.keys(activations);

/** The stretches of [from, to] on which a function's slope is below `limit`: where it lets almost no gradient through. */
export function flatStretches(name, { leak = LEAK, from = -5, to = 5, limit = 0.05 } = {}) {
  const flat = (x) => Math.abs(activations[name].slope(x, leak)) < limit;
  const step = (to - from) / 200;
  const ends = [];
  for (let i = 0; i < 200; i++) {
    let [low, high] = [from + step * i, from + step * (i + 1)];
    if (flat(low) === flat(high)) continue;
    const before = flat(low);
    for (let halving = 0; halving < 40; halving++) {
      const middle = (low + high) / 2;
      if (flat(middle) === before) low = middle;
      else high = middle;
    }
    ends.push(Math.round(((low + high) / 2) * 1e9) / 1e9 + 0); // a corner at 0 is 0, not 10⁻¹⁴ (+ 0: nor −0)
  }
  if (flat(from)) ends.unshift(from);
  if (flat(to)) ends.push(to);
  return ends.flatMap((end, i) => (i % 2 === 0 ? [[end, ends[i + 1]]] : []));
}

/** What is left of a gradient after `layers` such activations in a row, all of them at x. */
export const gradientThrough = (name, x, layers, leak = LEAK) => activations[name].slope(x, leak) ** layers;
