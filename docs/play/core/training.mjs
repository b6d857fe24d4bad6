// The training loop taken apart: five steps, one at a time, on a network small enough to see every weight.

import { backward, batchLoss, descend, forward, zeroGradients } from "./network.mjs";

export const STEPS = [
  {
    key: "zero",
    title: "Zero gradients",
    code: "optimizer.zero_grad()",
    why: "Forget the gradients of the last batch: backward() would add to them.",
  },
  {
    key: "forward",
    title: "Forward pass",
    code: "predictions = model(batch_x)",
    why: "Inputs flow left to right; each neuron takes a weighted sum, then its activation.",
  },
  {
    key: "loss",
    title: "Compute loss",
    code: "loss = criterion(predictions, batch_y)",
    why: "One number says how wrong the batch's predictions are.",
  },
  {
    key: "backward",
    title: "Backward pass",
    code: "loss.backward()",
    why: "The error flows right to left; the chain rule gives each weight its gradient.",
  },
  {
    key: "update",
    title: "Update weights",
    code: "optimizer.step()",
    why: "Every weight moves against its gradient, by the learning rate times it.",
  },
];

/** A training run that can be stopped between any two of the five steps. */
export class Training {
  /** @param problem {layers, rows, targets, batchSize, loss}: see problem.mjs */
  constructor(problem) {
    this.problem = problem;
    this.restart();
  }

  restart() {
    this.layers = this.problem.layers.map(({ weights, biases, activation }) => ({
      weights: weights.map((row) => Float64Array.from(row)),
      biases: Float64Array.from(biases),
      activation,
    }));
    this.gradients = zeroGradients(this.layers);
    this.before = null; // the weights before the last update
    this.traces = null; // each row's sums and outputs, of the last forward pass
    this.batchLoss = null; // null until the batch's loss is computed
    this.next = 0; // which of STEPS comes next
    this.updates = 0;
    this.losses = []; // of every batch so far
    this.epochLosses = []; // the mean of every finished epoch
  }

  get batches() {
    return this.problem.rows.length / this.problem.batchSize;
  }

  /** The batch that is worked on, from 0; the same order in every epoch, so that PyTorch can follow. */
  get batch() {
    return this.updates % this.batches;
  }

  get epoch() {
    return Math.floor(this.updates / this.batches);
  }

  get rows() {
    return this.problem.rows.slice(this.batch * this.problem.batchSize, (this.batch + 1) * this.problem.batchSize);
  }

  get targets() {
    return this.problem.targets.slice(this.batch * this.problem.batchSize, (this.batch + 1) * this.problem.batchSize);
  }

  /** The mean loss of this epoch's batches so far; of the last epoch where this one has none. */
  get averageLoss() {
    const done = this.losses.length - this.epochLosses.length * this.batches;
    if (done === 0) return this.epochLosses.at(-1) ?? null;
    return mean(this.losses.slice(-done));
  }

  /** Do the next of the five steps. Returns its key. */
  step({ learningRate, forgetToZero = false }) {
    const { key } = STEPS[this.next];
    const { loss } = this.problem;
    if (key === "zero") {
      if (!forgetToZero) this.gradients = zeroGradients(this.layers);
      this.traces = null;
      this.batchLoss = null;
    } else if (key === "forward") {
      this.traces = this.rows.map((inputs) => forward(this.layers, inputs));
    } else if (key === "loss") {
      this.batchLoss = batchLoss(loss, this.traces, this.targets);
      this.losses.push(this.batchLoss);
    } else if (key === "backward") {
      backward(this.layers, loss, this.rows, this.traces, this.targets, this.gradients);
    } else {
      this.before = this.parameters();
      descend(this.layers, this.gradients, learningRate);
      this.updates += 1;
      if (this.batch === 0) this.epochLosses.push(mean(this.losses.slice(-this.batches)));
    }
    this.next = (this.next + 1) % STEPS.length;
    return key;
  }

  /** Go on to the end of the iteration that is under way, or do a whole one. */
  completeIteration(options) {
    do this.step(options);
    while (this.next !== 0);
  }

  /** Go on to the end of the epoch that is under way, or do a whole one. */
  runEpoch(options) {
    do this.completeIteration(options);
    while (this.batch !== 0);
  }

  /** Every weight and bias in one list, layer by layer, each neuron's weights and then all biases (torch's order). */
  parameters() {
    return flatten(this.layers);
  }

  gradientList() {
    return flatten(this.gradients);
  }

  /** What each entry of parameters() is called. */
  parameterNames() {
    return this.layers.flatMap(({ weights }, index) => {
      const from = index === 0 ? "input" : "hidden";
      const to = index === this.layers.length - 1 ? "output" : "hidden";
      const neuron = (n) => (to === "output" ? "output" : `hidden ${n + 1}`);
      return [
        ...weights.flatMap((row, n) => [...row].map((_, i) => `weight from ${from} ${i + 1} to ${neuron(n)}`)),
        ...weights.map((_, n) => `bias of ${neuron(n)}`),
      ];
    });
  }

  /** How many of all rows the network puts on the right side of one half. */
  correct() {
    const { rows, targets } = this.problem;
    return rows.filter((inputs, i) => forward(this.layers, inputs).at(-1).a[0] > 0.5 === (targets[i][0] === 1)).length;
  }
}

const flatten = (layers) => layers.flatMap(({ weights, biases }) => [...weights.flatMap((row) => [...row]), ...biases]);

const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

/** The whole run as a program: PyTorch's loop with its five steps, then neurokit's one call. Both give the page's numbers. */
export function pythonProgram({ layers, rows, targets, batchSize }, learningRate, epochs) {
  const [first, second] = layers;
  const list = (numbers) => `[${[...numbers].join(", ")}]`;
  const table = (name, lists, perLine) => {
    const lines = [];
    for (let i = 0; i < lists.length; i += perLine) lines.push(`    ${lists.slice(i, i + perLine).map(list).join(", ")},`);
    return [`${name} = torch.tensor([`, ...lines, "])"];
  };
  const batches = rows.length / batchSize;
  return [
    "import torch",
    "from torch import nn",
    "import neurokit as nk",
    "",
    "torch.set_default_dtype(torch.float64)  # as JavaScript computes",
    ...table("x", rows, 4),
    ...table("y", targets.map(([target]) => [`${target}.0`]), 8),
    "",
    "def make_model():",
    `    model = nn.Sequential(nn.Linear(${first.weights[0].length}, ${first.weights.length}), nn.Tanh(), nn.Linear(${first.weights.length}, 1), nn.Sigmoid())`,
    "    start = [",
    `        [${first.weights.map(list).join(", ")}],`,
    `        ${list(first.biases)},`,
    `        [${second.weights.map(list).join(", ")}],`,
    `        ${list(second.biases)},`,
    "    ]",
    "    for parameter, values in zip(model.parameters(), start):",
    "        parameter.data = torch.tensor(values)",
    "    return model",
    "",
    "# by hand",
    "model = make_model()",
    "criterion = nn.BCELoss()",
    `optimizer = torch.optim.SGD(model.parameters(), lr=${learningRate})`,
    `for epoch in range(${epochs}):`,
    "    total_loss = 0.0",
    `    for batch_x, batch_y in zip(x.split(${batchSize}), y.split(${batchSize})):`,
    "        optimizer.zero_grad()                     # 1",
    "        predictions = model(batch_x)              # 2",
    "        loss = criterion(predictions, batch_y)    # 3",
    "        loss.backward()                           # 4",
    "        optimizer.step()                          # 5",
    "        total_loss += loss.item()",
    `print(f"average loss {total_loss / ${batches}:.4f}")`,
    "",
    "# by neurokit",
    `trainer = nk.Trainer(make_model(), loss="bce", optimizer="sgd", learning_rate=${learningRate}, device="cpu")`,
    `history = trainer.fit(x, y, epochs=${epochs}, batch_size=${batchSize}, shuffle=False, verbose=0)`,
    `print(f"average loss {history.history['loss'][-1]:.4f}")`,
  ].join("\n");
}
