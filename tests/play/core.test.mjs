// The pages' arithmetic against PyTorch's, which export_reference.py wrote down: node --test tests/play
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { activations, flatStretches, gradientThrough, names, softmax } from "../../docs/play/core/activations.mjs";
import { countParameters, describeLayers, PRESETS, pythonProgram, remarks, TASKS, toyTask } from "../../docs/play/core/architecture.mjs";
import { collapse, createStack, largestGap, output } from "../../docs/play/core/collapse.mjs";
import { backward, batchLoss, createNetwork, descend, forward, train, trainGently, zeroGradients } from "../../docs/play/core/network.mjs";
import { count, normal, tell, uniform } from "../../docs/play/core/numbers.mjs";
import { problem } from "../../docs/play/core/problem.mjs";
import { STEPS, Training } from "../../docs/play/core/training.mjs";

const torch = JSON.parse(readFileSync(new URL("reference.json", import.meta.url), "utf8"));

function close(found, expected, what, tolerance = 1e-12) {
  assert.equal(found.length, expected.length, what);
  [...found].forEach((number, i) => {
    const distance = Math.abs(number - expected[i]) / Math.max(1, Math.abs(expected[i]));
    assert.ok(distance <= tolerance, `${what}, entry ${i}: ${number} is not PyTorch's ${expected[i]}`);
  });
}

const flat = (nested) => nested.flat(Infinity);
const listed = (layers) => layers.flatMap(({ weights, biases }) => [...weights.flatMap((row) => [...row]), ...biases]);
const copied = (layers) => layers.map((layer) => ({ ...layer, weights: layer.weights.map((row) => [...row]), biases: [...layer.biases] }));

test("activations and their derivatives are PyTorch's on the whole grid", () => {
  const { grid, values } = torch.activations;
  const compared = Object.entries(values).map(([key, expected]) => {
    const [name, leak] = key.split(" ");
    const { value, slope } = activations[name];
    const options = leak === undefined ? [] : [Number(leak)];
    close(grid.map((x) => value(x, ...options)), expected.values, `${key}(x)`);
    close(grid.map((x) => slope(x, ...options)), expected.slopes, `${key}'(x)`);
    return name;
  });
  assert.deepEqual(new Set(compared), new Set(names));
  assert.equal(names.length, 7);
  assert.equal(activations.leaky_relu.value(-1), -0.01);
});

test("softmax is PyTorch's and does not overflow", () => {
  for (const { scores, shares } of torch.softmax) close(softmax(scores), shares, `softmax(${scores})`);
});

test("flat stretches are where the slope says", () => {
  const [[from, left], [right, to]] = flatStretches("sigmoid");
  assert.deepEqual([from, to], [-5, 5]);
  assert.ok(Math.abs(left + 2.887) < 0.001 && Math.abs(right - 2.887) < 0.001, `${left}, ${right}`);
  assert.deepEqual(flatStretches("step"), [[-5, 5]]);
  assert.deepEqual(flatStretches("linear"), []);
  const [[start, end]] = flatStretches("relu");
  assert.ok(start === -5 && Math.abs(end) < 1e-6);
  assert.deepEqual(flatStretches("leaky_relu", { leak: 0.1 }), []);
  assert.equal(gradientThrough("sigmoid", 0, 10), 0.25 ** 10);
});

test("parameter counts are PyTorch's", () => {
  for (const { sizes, weights, biases, layers } of torch.architectures) {
    assert.deepEqual(countParameters(sizes), { weights, biases, parameters: weights + biases });
    assert.deepEqual(describeLayers(sizes).map(({ parameters }) => parameters), layers);
  }
  const compared = torch.architectures.map(({ sizes }) => String(sizes));
  for (const { sizes } of Object.values(PRESETS)) assert.ok(compared.includes(String(sizes)));
});

test("the textbook's network has 81 parameters, and its layers 40, 36 and 5", () => {
  assert.equal(countParameters([4, 8, 4, 1]).parameters, 81);
  assert.deepEqual(describeLayers([4, 8, 4, 1]).map(({ parameters }) => parameters), [40, 36, 5]);
});

test("forward pass, loss, gradients and 25 steps of SGD are PyTorch's for every loss", () => {
  for (const { loss, learning_rate, layers, rows, targets, outputs, gradients, losses, after } of torch.networks) {
    const traces = rows.map((row) => forward(layers, row));
    close(flat(traces.map((trace) => [...trace.at(-1).a])), flat(outputs), `${loss}: outputs`);
    close([batchLoss(loss, traces, targets)], losses.slice(0, 1), `${loss}: first loss`);
    const found = zeroGradients(layers);
    backward(layers, loss, rows, traces, targets, found);
    close(listed(found), flat(gradients), `${loss}: gradients`);
    const learnt = copied(layers);
    close(train(learnt, loss, rows, targets, { learningRate: learning_rate, steps: losses.length }), losses, `${loss}: losses`);
    close(listed(learnt), listed(after), `${loss}: weights`);
  }
});

test("a step against a gradient moves each weight by the learning rate times it", () => {
  const layers = [{ weights: [[1, 2]], biases: [3], activation: "linear" }];
  descend(layers, [{ weights: [[10, -20]], biases: [4] }], 0.1);
  assert.deepEqual(listed(layers), [0, 4, 2.6]);
});

test("the training visualiser's weights are PyTorch's after every epoch", () => {
  for (const expected of torch.training) {
    const { learning_rate: learningRate, forget_to_zero: forgetToZero } = expected;
    const training = new Training(problem);
    expected.weights_after_each_epoch.forEach((weights, epoch) => {
      training.runEpoch({ learningRate, forgetToZero });
      close(training.parameters(), weights, `learning rate ${learningRate}, epoch ${epoch + 1}`);
    });
    close(training.losses, expected.losses, "losses");
    assert.equal(training.correct(), expected.correct);
    assert.equal(training.updates, expected.losses.length);
  }
});

test("five steps make an iteration, whichever way it is finished", () => {
  const training = new Training(problem);
  const options = { learningRate: 0.5 };
  const start = training.parameters();
  assert.deepEqual(STEPS.map(() => training.step(options)), ["zero", "forward", "loss", "backward", "update"]);
  close(training.gradientList(), torch.training[0].first_gradients, "gradients");
  assert.deepEqual(training.before, start);
  training.step(options);
  training.step(options);
  assert.deepEqual([training.updates, training.next, training.losses.length], [1, 2, 1]);
  training.completeIteration(options);
  assert.deepEqual([training.updates, training.next, training.batch], [2, 0, 2]);
  training.runEpoch(options);
  assert.deepEqual([training.updates, training.epoch, training.batch], [4, 1, 0]);
  close([training.averageLoss], [torch.training[0].losses.slice(0, 4).reduce((a, b) => a + b) / 4], "average");
  training.completeIteration(options);
  assert.equal(training.averageLoss, training.losses[4]);
  training.restart();
  assert.deepEqual(training.parameters(), start);
  assert.equal(training.averageLoss, null);
});

test("every parameter has a name of its own", () => {
  const training = new Training(problem);
  const named = training.parameterNames();
  assert.equal(named.length, training.parameters().length);
  assert.equal(new Set(named).size, named.length);
  assert.deepEqual([named[0], named[8], named[12], named[16]], [
    "weight from input 1 to hidden 1", "bias of hidden 1", "weight from hidden 1 to output", "bias of output",
  ]);
});

test("linear layers multiply out into one, as PyTorch's do; with ReLU between them they do not", () => {
  const { layers, x, outputs, slope, relu } = torch.collapse;
  const single = collapse(layers);
  close([single.weights[0][0]], [slope], "slope");
  close(x.map((one) => output([single], one)), outputs, "one layer");
  close(x.map((one) => output(layers, one)), outputs, "three layers");
  const bent = layers.map((layer, i) => ({ ...layer, activation: i < 2 ? "relu" : "linear" }));
  close(x.map((one) => output(bent, one)), relu, "three layers with ReLU");
  for (let seed = 0; seed < 20; seed++) {
    assert.ok(largestGap(createStack("linear", seed)) < 1e-12);
    assert.ok(largestGap(createStack("relu", seed)) > 0.01, `seed ${seed}`);
  }
});

test("networks are drawn from their seed, by He before a ReLU and by Xavier elsewhere", () => {
  const deviation = (numbers) => Math.sqrt(numbers.reduce((sum, number) => sum + number ** 2, 0) / numbers.length);
  const [relu, tanh] = createNetwork([100, 200, 50], ["relu", "tanh"], 1).map(({ weights }) => deviation(weights.flatMap((row) => [...row])));
  assert.ok(Math.abs(relu / Math.sqrt(2 / 100) - 1) < 0.03, relu);
  assert.ok(Math.abs(tanh / Math.sqrt(1 / 200) - 1) < 0.03, tanh);
  assert.deepEqual(createNetwork([2, 3], ["relu"], 5), createNetwork([2, 3], ["relu"], 5));
  assert.notDeepEqual(createNetwork([2, 3], ["relu"], 5), createNetwork([2, 3], ["relu"], 6));
  const random = uniform(1);
  const drawn = Array.from({ length: 20000 }, random);
  assert.ok(drawn.every((x) => x >= 0 && x < 1) && Math.abs(drawn.reduce((a, b) => a + b) / 20000 - 0.5) < 0.01);
  const bell = normal(2);
  assert.ok(Math.abs(deviation(Array.from({ length: 20000 }, bell)) - 1) < 0.02);
});

test("a toy task is learnt by every preset, by wide and deep networks and by every activation", () => {
  const cases = [
    ...Object.values(PRESETS).map(({ sizes }) => [sizes.at(-1) > 1 ? "classes" : "regression", sizes, "relu", 40]),
    ["binary", [4, 8, 1], "tanh", 40],
    ["classes", [8, 32, 16, 3], "leaky_relu", 20],
    ["regression", [784, 64, 64, 1], "relu", 6],
    ["regression", [2, 96, 96, 96, 96, 96, 1], "linear", 6],
    ["classes", [784, 64, 10], "sigmoid", 6],
  ];
  for (const [task, sizes, activation, steps] of cases) {
    for (const seed of steps > 6 ? [1, 2, 3] : [1]) {
      const { loss, activation: last } = TASKS[task];
      const layers = createNetwork(sizes, [...sizes.slice(1, -1).map(() => activation), last], seed);
      const start = listed(layers);
      const { rows, targets } = toyTask(sizes, task);
      const { layers: learnt, history } = trainGently(layers, loss, rows, targets, steps);
      assert.ok(history.at(-1) < history[0], `${task} ${sizes}, seed ${seed}: ${history[0]} to ${history.at(-1)}`);
      assert.ok(listed(learnt).every(Number.isFinite));
      assert.deepEqual(listed(layers), start);
    }
  }
});

test("the program and the remarks follow the choices", () => {
  const program = pythonProgram([4, 16, 8, 3], ["relu", "linear"], "classes");
  assert.ok(program.includes("    nn.Linear(4, 16), nn.ReLU(),\n    nn.Linear(16, 8),\n    nn.Linear(8, 3),  # the softmax is in the loss\n)"));
  assert.ok(program.endsWith('trainer = nk.Trainer(model, loss="cross_entropy")'));
  assert.deepEqual(remarks([4, 8, 4, 1], ["relu", "relu"], "regression"), []);
  assert.match(remarks([4, 8, 4, 1], ["linear", "linear"], "regression")[0], /one linear layer/);
  assert.match(remarks([4, 8, 1], ["relu"], "classes")[0], /always 1/);
  assert.match(remarks([4, 8, 8, 8, 1], ["sigmoid", "sigmoid", "sigmoid"], "binary")[0], /at most 0\.0156 of a gradient/);
  assert.match(remarks([4, 1, 1], ["relu"], "binary")[0], /single neuron/);
});

test("numbers read as people write them", () => {
  assert.deepEqual([0, -0.5, 0.01832, 1234.4, -1e-9, 2.5e8, Infinity, NaN, 0.25 ** 10].map((x) => tell(x)), [
    "0", "−0.5", "0.0183", "1234", "−1.0 × 10⁻⁹", "2.5 × 10⁸", "∞", "not a number", "9.5 × 10⁻⁷",
  ]);
  assert.equal(count(1234567), "1\u202f234\u202f567");
});
