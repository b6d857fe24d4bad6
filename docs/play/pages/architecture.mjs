// The network architecture builder. All arithmetic is in core/; this file reads controls and draws.

import { activations } from "../core/activations.mjs";
import { countParameters, describeLayers, PRESETS, pythonProgram, remarks, TASKS, toyTask } from "../core/architecture.mjs";
import { createNetwork, forward, trainGently } from "../core/network.mjs";
import { count, many, tell } from "../core/numbers.mjs";
import { createClock, createPicture, element, faded, make, reducedMotion, say } from "./shared/picture.mjs";

let sizes = [...PRESETS.chapter.sizes];
let hidden = ["relu", "relu"]; // the activation of each hidden layer
let task = "regression";
let seed = 1;
let rowNumber = 0;

let network; // layers with weights, made for these sizes
let toy; // rows and targets of a made-up task of that shape
let trace; // all sums and activations of the row that is looked at
let reached = -1; // how far the row has come: -1 not sent, 0 at the inputs, 1 through the first layer ...
let moving = 0; // between `reached` and the next layer, 0 to 1
let trained = null; // {steps, before, after}
const clock = createClock();

// --- controls

for (const [key, preset] of Object.entries(PRESETS)) {
  const button = make("button", { id: `preset-${key}` }, `${preset.title} ${preset.sizes.join("-")}`);
  button.addEventListener("click", () => {
    sizes = [...preset.sizes];
    hidden = sizes.slice(1, -1).map(() => "relu");
    task = sizes.at(-1) > 1 ? "classes" : "regression";
    rebuild();
  });
  element("presets").append(button);
}

element("input-choice").addEventListener("change", () => {
  const choice = element("input-choice").value;
  sizes[0] = choice === "custom" ? element("inputs").valueAsNumber : Number(choice);
  rebuild({ customInputs: choice === "custom" });
});
element("depth").addEventListener("input", () => {
  const depth = Number(element("depth").value);
  while (hidden.length > depth) {
    sizes.splice(-2, 1);
    hidden.pop();
  }
  while (hidden.length < depth) {
    sizes.splice(-1, 0, Math.max(4, Math.round(sizes.at(-2) / 2)));
    hidden.push(hidden.at(-1));
  }
  rebuild();
});
element("output-choice").addEventListener("change", () => {
  const choice = element("output-choice").value;
  task = choice in TASKS ? choice : "classes";
  if (task !== "classes") sizes[sizes.length - 1] = 1;
  else sizes[sizes.length - 1] = choice === "custom" ? element("classes").valueAsNumber : Number(choice);
  rebuild({ customClasses: choice === "custom" });
});
for (const [id, index] of [["inputs", 0], ["classes", -1]]) {
  element(id).addEventListener("input", () => {
    const { min, max, valueAsNumber } = element(id);
    if (!Number.isInteger(valueAsNumber) || valueAsNumber < min || valueAsNumber > max) return; // still being typed
    sizes[index === 0 ? 0 : sizes.length - 1] = valueAsNumber;
    rebuild({ customInputs: !element("input-custom").hidden, customClasses: !element("output-custom").hidden });
  });
  element(id).addEventListener("change", () => (element(id).value = sizes.at(index)));
}

/** One slider and one choice for each hidden layer; made anew only when their number changes, so that focus stays. */
function showLayerControls() {
  if (element("layers").children.length === hidden.length) {
    hidden.forEach((activation, i) => {
      element(`size-${i + 1}`).value = sizes[i + 1];
      element(`activation-${i + 1}`).value = activation;
    });
  } else {
    element("layers").replaceChildren(...hidden.map((activation, i) => layerControls(i, activation)));
  }
  hidden.forEach((_, i) => (element(`size-${i + 1}-said`).textContent = many(sizes[i + 1], "neuron")));
}

function layerControls(i, activation) {
  const number = i + 1;
  const slider = make("input", { id: `size-${number}`, type: "range", min: 1, max: 128, step: 1, value: sizes[number] });
  const choice = make("select", { id: `activation-${number}`, "aria-label": `activation of hidden layer ${number}` });
  for (const name of ["relu", "leaky_relu", "tanh", "sigmoid", "linear"]) {
    choice.append(make("option", { value: name, selected: name === activation }, activations[name].title));
  }
  slider.addEventListener("input", () => {
    sizes[number] = Number(slider.value);
    rebuild();
  });
  choice.addEventListener("change", () => {
    hidden[i] = choice.value;
    rebuild();
  });
  return make("div", { class: "layer" },
    make("label", { for: `size-${number}` }, // said outright: an output is labelable too, and comes first
      make("span", {}, `Hidden ${number}`),
      make("output", { id: `size-${number}-said`, for: `size-${number}` }),
      slider,
    ),
    make("label", {}, choice),
  );
}

// --- the network itself

const layerActivations = () => [...hidden, TASKS[task].activation];

function rebuild({ customInputs, customClasses } = {}) {
  clock.stop();
  network = createNetwork(sizes, layerActivations(), seed);
  toy = toyTask(sizes, task);
  trained = null;
  send(-1);
  const choices = [...element("input-choice").options].map(({ value }) => value);
  element("input-custom").hidden = !(customInputs || !choices.includes(String(sizes[0])));
  element("input-choice").value = element("input-custom").hidden ? String(sizes[0]) : "custom";
  if (document.activeElement !== element("inputs")) element("inputs").value = sizes[0];
  const known = ["3", "10"].includes(String(sizes.at(-1)));
  element("output-custom").hidden = task !== "classes" || (known && !customClasses);
  element("output-choice").value = task !== "classes" ? task : element("output-custom").hidden ? String(sizes.at(-1)) : "custom";
  if (task === "classes" && document.activeElement !== element("classes")) element("classes").value = sizes.at(-1);
  element("depth").value = hidden.length;
  element("depth-said").textContent = hidden.length;
  showLayerControls();
  for (const [key, preset] of Object.entries(PRESETS)) {
    element(`preset-${key}`).setAttribute("aria-pressed", String(String(preset.sizes) === String(sizes)));
  }
  showCounts();
  update();
}

function showCounts() {
  const { weights, biases, parameters } = countParameters(sizes);
  element("total-weights").textContent = count(weights);
  element("total-biases").textContent = count(biases);
  element("total-parameters").textContent = count(parameters);
  element("counts").replaceChildren(
    ...describeLayers(sizes).map(({ title, inputs, neurons, parameters: sum }) =>
      make("tr", {},
        make("th", { scope: "row" }, title),
        make("td", {}, `${count(inputs)} × ${count(neurons)} + ${count(neurons)}`),
        make("td", {}, count(sum)),
        make("td", {}, `(rows, ${neurons})`),
      ),
    ),
  );
  element("program").textContent = pythonProgram(sizes, hidden, task);
  element("remarks").replaceChildren(...remarks(sizes, hidden, task).map((text) => make("li", {}, text)));
}

function send(to) {
  reached = to;
  moving = 0;
  trace = forward(network, toy.rows[rowNumber]);
}

/** Let the row go one layer on; the dots on the lines carry it. */
async function advance() {
  if (reached >= network.length) send(-1);
  if (reached < 0) {
    send(0);
    picture.redraw();
    return true;
  }
  const finished = await clock.play(900, (t) => {
    moving = t;
    picture.redraw();
  });
  if (!finished) return false;
  reached += 1;
  moving = 0;
  picture.redraw();
  return true;
}

element("next").addEventListener("click", async () => {
  if (clock.running()) {
    clock.stop(); // a second press need not wait for the first
    moving = 0;
    reached += 1;
    update();
    return;
  }
  if (await advance()) update();
});
element("run").addEventListener("click", async () => {
  clock.stop();
  send(-1);
  while (reached < network.length) if (!(await advance())) return;
  update();
});
element("row").addEventListener("click", () => {
  clock.stop();
  rowNumber = (rowNumber + 1) % toy.rows.length;
  send(reached < 0 ? -1 : network.length);
  update();
});
element("train").addEventListener("click", () => {
  clock.stop();
  const { parameters } = countParameters(sizes);
  const steps = Math.max(10, Math.min(100, Math.floor(6e6 / parameters))); // a second at most
  const { layers, history } = trainGently(network, TASKS[task].loss, toy.rows, toy.targets, steps);
  network = layers;
  trained = { steps: (trained?.steps ?? 0) + steps, before: trained?.before ?? history[0], after: history.at(-1) };
  send(reached < 0 ? -1 : network.length);
  update();
});
element("fresh").addEventListener("click", () => {
  seed += 1;
  rebuild({ customInputs: !element("input-custom").hidden, customClasses: !element("output-custom").hidden });
});

// --- the words

function inWords() {
  const layers = hidden.map((name, i) => `${count(sizes[i + 1])} (${activations[name].title})`);
  const parts = [
    `${many(sizes[0], "input")}, ${layers.length > 1 ? "hidden layers" : "a hidden layer"} of ${layers.join(", ")}, and ` +
      `${many(sizes.at(-1), "output")} (${activations[TASKS[task].activation].title.toLowerCase()}).`,
  ];
  if (trained) {
    parts.push(`After ${trained.steps} steps of training on a made-up task the loss is ${tell(trained.after)}; it was ${tell(trained.before)}.`);
  }
  if (reached < 0) parts.push("No row has been sent through yet.");
  else if (reached === 0) parts.push(`The inputs are ${listed(toy.rows[rowNumber])}.`);
  else {
    const { a } = trace[reached - 1];
    if (reached < network.length) {
      const active = a.filter((one) => Math.abs(one) > 1e-9).length;
      parts.push(`The row has come through hidden layer ${reached}: ${active} of ${a.length} neurons pass something on.`);
    } else parts.push(answerInWords(a));
  }
  return parts.join(" ");
}

function answerInWords(a) {
  if (task === "regression") return `The network answers ${tell(a[0])}.`;
  if (task === "binary") return `The network says yes with a probability of ${tell(a[0])}.`;
  const best = a.indexOf(Math.max(...a));
  return `The network gives its classes the shares ${listed(a)}: it says class ${best + 1}.`;
}

function listed(numbers) {
  const shown = [...numbers].slice(0, 6).map((number) => tell(number, 2));
  return numbers.length > 6 ? `${shown.join(", ")} and ${numbers.length - 6} more` : shown.join(", ");
}

// --- the picture

const heightOf = (width) => Math.round(Math.max(340, Math.min(520, width * 0.75)));

/** Where every neuron is drawn, a column a layer. Where there are too many, a few stand for all of them. */
function placeNeurons(width, height) {
  const [left, right, top, bottom] = [54, width - 60, 46, height - 58];
  return sizes.map((size, column) => {
    const x = left + ((right - left) * column) / (sizes.length - 1);
    const room = Math.floor((bottom - top) / 23) + 1;
    const fits = size <= room;
    const drawn = fits ? size : room - 1; // one place is left for the dots
    const indices = [...Array(drawn).keys()].map((i) => (fits || i < drawn - 2 ? i : size - drawn + i));
    const spacing = Math.min(46, (bottom - top) / Math.max(1, (fits ? drawn : drawn + 1) - 1));
    const total = spacing * ((fits ? drawn : drawn + 1) - 1);
    const y = (place) => (top + bottom) / 2 - total / 2 + place * spacing;
    const neurons = indices.map((index, i) => ({ index, x, y: y(fits || i < drawn - 2 ? i : i + 1) }));
    const radius = Math.max(6, Math.min(15, spacing * 0.4));
    return { x, neurons, radius, dots: fits ? null : { x, y: y(drawn - 2), hidden: size - drawn } };
  });
}

/** A number of at most six characters, for a place beside a circle. */
const short = (number) => tell(Math.abs(number) < 100 ? Math.round(number * 100) / 100 : Math.round(number));

const columnColour = (column) => (column === 0 ? "input" : column === sizes.length - 1 ? "output" : "hidden");
const columnTitle = (column) => (column === 0 ? "Input" : column === sizes.length - 1 ? "Output" : `Hidden ${column}`);
const valuesOf = (column) => (column === 0 ? toy.rows[rowNumber] : trace[column - 1].a);

function draw(p, width, height, colours) {
  const columns = placeNeurons(width, height);
  const spacing = columns[1].x - columns[0].x;
  for (let column = 1; column < columns.length; column++) drawLines(p, columns, column, colours);
  columns.forEach((placed, column) => drawColumn(p, placed, column, { spacing, height, width, colours }));
}

const largest = (numbers) => numbers.reduce((most, number) => Math.max(most, Math.abs(number)), 0) || 1;

function drawLines(p, columns, column, colours) {
  const { weights } = network[column - 1];
  const strongest = weights.reduce((most, row) => Math.max(most, largest(row)), 0);
  const travelling = moving > 0 && column === reached + 1;
  const values = valuesOf(column - 1);
  const dots = [];
  for (const to of columns[column].neurons) {
    for (const from of columns[column - 1].neurons) {
      const weight = weights[to.index][from.index];
      const strength = Math.abs(weight) / strongest;
      p.stroke(faded(p, weight < 0 ? colours.negative : colours.positive, 0.18 + 0.6 * strength));
      p.strokeWeight(0.4 + 3.2 * strength);
      p.line(from.x, from.y, to.x, to.y);
      if (travelling) dots.push([from, to, weight * values[from.index]]);
    }
  }
  const strongestDot = largest(dots.map(([, , carried]) => carried));
  p.noStroke();
  for (const [from, to, carried] of dots) {
    p.fill(carried < 0 ? colours.negative : colours.positive);
    p.circle(from.x + (to.x - from.x) * moving, from.y + (to.y - from.y) * moving, 2 + 6 * Math.abs(carried) / strongestDot);
  }
}

function drawColumn(p, { x, neurons, radius, dots }, column, { spacing, height, width, colours }) {
  const colour = colours[columnColour(column)];
  const values = valuesOf(column);
  const lit = column <= reached;
  const strongest = largest(values);
  for (const { index, x: at, y } of neurons) {
    p.stroke(colour);
    p.strokeWeight(2);
    p.fill(colours.page); // no line shines through
    p.circle(at, y, 2 * radius);
    p.fill(faded(p, colour, lit ? 0.08 + 0.92 * Math.abs(values[index]) / strongest : 0.22));
    p.circle(at, y, 2 * radius);
  }
  p.noStroke();
  p.textAlign(p.CENTER, p.CENTER);
  if (dots) {
    p.fill(colour);
    for (const offset of [-6, 0, 6]) p.circle(dots.x, dots.y + offset, 3.5);
  }
  const output = column === sizes.length - 1;
  if (lit && (output || column === 0) && neurons.length <= 12) {
    p.textSize(12);
    p.fill(colours.ink);
    for (const { index, y } of neurons) {
      p.textAlign(output ? p.LEFT : p.RIGHT, p.CENTER);
      if (output) p.text(short(values[index]), x + radius + 4, y);
      else p.text(short(values[index]), x - radius - 3, y);
    }
  }
  p.textAlign(p.CENTER, p.CENTER);
  const narrow = spacing < 44; // a frame on a phone with five hidden layers: the words below say the rest
  const brief = { input: "In", hidden: `H${column}`, output: "Out" }[columnColour(column)];
  const title = narrow || (spacing < 66 && columnColour(column) === "hidden") ? brief : columnTitle(column);
  p.textSize(13);
  p.textStyle(p.BOLD);
  p.fill(colours.ink);
  const middle = Math.max(26, Math.min(width - 26, x));
  p.text(title, middle, 18);
  p.textStyle(p.NORMAL);
  p.textSize(12);
  p.fill(colours.quiet);
  p.text(count(sizes[column]), middle, height - 32);
  if (column === 0 || narrow) return;
  const { title: whole } = activations[layerActivations()[column - 1]];
  const cut = { "Leaky ReLU": "Leaky", Sigmoid: "Sigm.", Softmax: "Softm." }[whole] ?? whole;
  p.text(spacing < 66 ? cut : whole, middle, height - 15);
}

function hover(px, py) {
  const columns = placeNeurons(picture.width(), heightOf(picture.width()));
  for (const [column, { neurons, radius, dots }] of columns.entries()) {
    const found = neurons.find(({ x, y }) => Math.hypot(px - x, py - y) <= radius + 3);
    if (found) return neuronInWords(column, found.index);
    if (dots && Math.hypot(px - dots.x, py - dots.y) < 14) return `${count(dots.hidden)} more neurons are not drawn`;
  }
  let nearest = { distance: 5, text: null };
  for (let column = 1; column < columns.length; column++) {
    for (const to of columns[column].neurons) {
      for (const from of columns[column - 1].neurons) {
        const t = (px - from.x) / (to.x - from.x);
        if (t < 0 || t > 1) continue;
        const distance = Math.abs(from.y + t * (to.y - from.y) - py);
        if (distance >= nearest.distance) continue;
        const weight = network[column - 1].weights[to.index][from.index];
        const text = `weight ${tell(weight)}\nfrom ${columnTitle(column - 1).toLowerCase()} neuron ${from.index + 1} to ${columnTitle(column).toLowerCase()} neuron ${to.index + 1}`;
        nearest = { distance, text };
      }
    }
  }
  return nearest.text;
}

function neuronInWords(column, index) {
  if (column === 0) return `Input ${index + 1}\nvalue ${tell(toy.rows[rowNumber][index])}`;
  const { weights, activation, biases } = network[column - 1];
  const start = `${columnTitle(column)}, neuron ${index + 1}\n${many(weights[index].length, "weight")} and a bias of ${tell(biases[index])}`;
  if (column > reached) return start;
  const { z, a } = trace[column - 1];
  return `${start}\nsum ${tell(z[index])}, ${activations[activation].title} makes it ${tell(a[index])}`;
}

const picture = createPicture(element("network"), { height: heightOf, draw, hover, words: "words" });

function update() {
  say("words", inWords());
  picture.redraw();
}

window.sim = {
  state: () => ({
    sizes: [...sizes],
    hidden: [...hidden],
    task,
    ...countParameters(sizes),
    layers: describeLayers(sizes),
    reached,
    moving: clock.running(),
    activations: trace.map(({ a }) => [...a]),
    row: [...toy.rows[rowNumber]],
    largestWeight: Math.max(...network.map(({ weights }) => Math.max(...weights.map(largest)))),
    trained,
    remarks: remarks(sizes, hidden, task),
    program: element("program").textContent,
    words: element("words").textContent,
    reducedMotion: reducedMotion(),
    frames: picture.frames(),
  }),
};

rebuild();
