// The training loop visualiser. All arithmetic is in core/; this file reads controls and draws.

import { forward } from "../core/network.mjs";
import { count, many, tell } from "../core/numbers.mjs";
import { problem } from "../core/problem.mjs";
import { pythonProgram, STEPS, Training } from "../core/training.mjs";
import { createClock, createPicture, element, faded, make, reducedMotion, say } from "./shared/picture.mjs";
import { createFrame, drawAxes, ticks } from "./shared/plot.mjs";

const RATES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];
const SPEEDS = [0.25, 0.5, 1, 2, 4];
const FLOWS = { forward: ["data →", "data"], loss: ["→ loss", "data"], backward: ["← gradients", "gradient"], update: ["w − lr · g", ""] };

const training = new Training(problem);
const names = training.parameterNames();
const clock = createClock();
let done = null; // the key of the step that was done last
let progress = 1; // how far that step's animation has come
let from = null; // weights and gradients before it, for the animation
let running = null; // which button's run is under way
let settings = new Set(); // that this run has used: one program can repeat it only if there was one

const learningRate = () => RATES[Number(element("learning-rate").value)];
const speed = () => SPEEDS[Number(element("speed").value)];

function options() {
  const chosen = { learningRate: learningRate(), forgetToZero: element("forget").checked };
  settings.add(JSON.stringify(chosen));
  return chosen;
}

for (const [i, { key, title, code, why }] of STEPS.entries()) {
  const [flow, kind] = FLOWS[key] ?? [];
  element("steps").append(
    make("li", { id: `card-${key}` },
      make("div", { class: "title" }, make("strong", {}, `${i + 1}. ${title}`), make("span", { class: `flow ${kind ?? ""}` }, flow ?? "")),
      make("code", {}, code),
      make("p", { class: "hint" }, why),
    ),
  );
}

// --- running

/** Do one step and show it for some milliseconds. Resolves to false where another button cut it short. */
function doStep(milliseconds) {
  from = { weights: training.parameters(), gradients: training.gradientList() };
  done = training.step(options());
  showCards();
  showMetrics();
  tellWords();
  return clock.play(milliseconds / speed(), (t) => {
    progress = t;
    picture.redraw();
  });
}

/** Do what `work` does, unless the same button asks again: then stop where things are. */
async function run(button, work) {
  const again = running === button;
  stop();
  if (again) return;
  running = button;
  showButtons();
  if (await work()) stop();
}

function stop() {
  running = null;
  clock.stop();
  progress = 1;
  update();
}

const stepAnd = async (milliseconds, until) => {
  do if (!(await doStep(milliseconds))) return false;
  while (!until());
  return true;
};

const iterationDone = () => training.next === 0;
const epochDone = () => training.next === 0 && training.batch === 0;

element("step").addEventListener("click", () => {
  stop();
  run("step", () => stepAnd(900, () => true));
});
element("iteration").addEventListener("click", () => run("iteration", () => stepAnd(600, iterationDone)));
element("epoch").addEventListener("click", () => run("epoch", () => stepAnd(220, epochDone)));
element("epochs").addEventListener("click", () =>
  run("epochs", async () => {
    for (let epoch = 0; epoch < 25; epoch++) {
      training.runEpoch(options());
      done = "update";
      from = null;
      showCards();
      showMetrics();
      tellWords();
      const finished = await clock.play(90 / speed(), (t) => {
        if (t === 1) picture.redraw();
      });
      if (!finished) return false;
    }
    return true;
  }),
);
element("restart").addEventListener("click", () => {
  training.restart();
  settings = new Set();
  done = null;
  from = null;
  stop();
});
for (const id of ["learning-rate", "speed", "forget", "view"]) element(id).addEventListener("input", update);

// --- the words

function inWords() {
  const { layers, rows, targets } = training;
  const head = training.epochLosses.length
    ? `After ${many(training.epochLosses.length, "epoch")} the average loss is ${tell(training.epochLosses.at(-1))} and ${training.correct()} of ${problem.rows.length} points are right. `
    : "";
  const batch = (updates) => `batch ${(updates % training.batches) + 1} of ${training.batches}`;
  if (done === null) return `Nothing has run yet: ${names.length} weights and biases wait at their start. Step 1 comes next.`;
  if (done === "zero") {
    if (element("forget").checked) return `${head}Step 1 is left out: the gradients of all batches so far are still there, and the next ones will be added.`;
    return `${head}Step 1, ${batch(training.updates)}: all ${names.length} gradients are zero again.`;
  }
  if (done === "forward") {
    const said = training.traces.slice(0, 3).map((trace) => tell(trace.at(-1).a[0], 2));
    const wanted = targets.slice(0, 3).map(([target]) => target);
    return `${head}Step 2, ${batch(training.updates)}: ${rows.length} points went through ${layers.length} layers. The network says ${said.join(", ")} … where ${wanted.join(", ")} … is right.`;
  }
  if (done === "loss") return `${head}Step 3, ${batch(training.updates)}: the loss is ${tell(training.batchLoss)}.`;
  const gradients = training.gradientList();
  const largest = gradients.reduce((best, gradient, i) => (Math.abs(gradient) > Math.abs(gradients[best]) ? i : best), 0);
  if (done === "backward") {
    return `${head}Step 4, ${batch(training.updates)}: every weight has its gradient. The largest, ${tell(gradients[largest])}, is that of the ${names[largest]}.`;
  }
  const moved = `the ${names[largest]} most, from ${tell(training.before[largest])} to ${tell(training.parameters()[largest])}`;
  return `${head}Step 5, ${batch(training.updates - 1)}: every weight moved against its gradient, ${moved}.`;
}

// --- the picture: the network and its plane, the loss, the weights

const heightOf = (width) => (width < 480 ? 690 : 750);

function places(width, height) {
  const split = Math.round(width * 0.56);
  const top = 34;
  const side = Math.min(width - split - 14, height * 0.27);
  const lossTop = top + Math.max(side, 150) + 60;
  const lossBottom = lossTop + height * 0.18;
  return {
    network: { left: 0, right: split, top, bottom: top + Math.max(side, 150) },
    plane: { left: width - side - 10, right: width - 10, top, bottom: top + side },
    loss: { left: 46, right: width - 14, top: lossTop, bottom: lossBottom },
    weights: { left: 46, right: width - 14, top: lossBottom + 66, bottom: height - 132 },
    gradients: { left: 46, right: width - 14, top: height - 82, bottom: height - 14 },
  };
}

/** The weights and gradients as drawn now: on their way where a step is being shown. */
function drawnNow() {
  const [weights, gradients] = [training.parameters(), training.gradientList()];
  if (!from || progress === 1) return { weights, gradients };
  const between = (before, after) => after.map((number, i) => before[i] + (number - before[i]) * progress);
  return { weights: between(from.weights, weights), gradients: between(from.gradients, gradients) };
}

function draw(p, width, height, colours) {
  const at = places(width, height);
  const now = drawnNow();
  drawNetwork(p, at.network, now, colours);
  drawPlane(p, at.plane, colours);
  drawLoss(p, at.loss, colours);
  if (element("view").value === "bars") drawBars(p, at.weights, now.weights, colours, { title: "Weights and biases", before: training.before });
  else drawHistogram(p, at.weights, now.weights, colours);
  drawBars(p, at.gradients, now.gradients, colours, { title: "Their gradients", colour: colours.gradient });
}

function heading(p, text, x, y, colours) {
  p.noStroke();
  p.fill(colours.ink);
  p.textSize(13);
  p.textStyle(p.BOLD);
  p.textAlign(p.LEFT, p.BOTTOM);
  p.text(text, x, y);
  p.textStyle(p.NORMAL);
}

function nodes({ left, right, top, bottom }) {
  const columns = [2, 4, 1];
  const [first, last] = [left + 34, right - 74];
  return columns.map((size, column) =>
    [...Array(size).keys()].map((i) => ({
      x: first + ((last - first) * column) / 2,
      y: (top + bottom) / 2 + (i - (size - 1) / 2) * Math.min(46, (bottom - top) / 4),
    })),
  );
}

const lossNode = ({ right, top, bottom }) => ({ x: right - 28, y: (top + bottom) / 2 });

function drawNetwork(p, place, now, colours) {
  heading(p, "The network", place.left + 12, place.top - 12, colours);
  const columns = nodes(place);
  const end = lossNode(place);
  const edges = [];
  columns[1].forEach((to, h) => columns[0].forEach((source, i) => edges.push({ source, to, weight: now.weights[h * 2 + i], column: 1 })));
  columns[1].forEach((source, h) => edges.push({ source, to: columns[2][0], weight: now.weights[12 + h], column: 2 }));
  for (const { source, to, weight } of edges) {
    p.stroke(faded(p, weight < 0 ? colours.negative : colours.positive, 0.75));
    p.strokeWeight(Math.min(7, 0.5 + 1.6 * Math.abs(weight)));
    p.line(source.x, source.y, to.x, to.y);
  }
  p.stroke(colours.control);
  p.strokeWeight(1.5);
  p.drawingContext.setLineDash([3, 4]);
  p.line(columns[2][0].x, columns[2][0].y, end.x, end.y);
  p.drawingContext.setLineDash([]);
  edges.push({ source: columns[2][0], to: end, column: 3 });
  drawFlow(p, edges, colours);

  const trace = training.traces?.[0];
  const lit = trace && !(done === "forward" && progress < 1);
  const values = [training.rows[0], ...(trace ? trace.map(({ a }) => a) : [[], []])];
  columns.forEach((column, c) => {
    const colour = colours[["input", "hidden", "output"][c]];
    column.forEach(({ x, y }, i) => {
      p.stroke(colour);
      p.strokeWeight(2);
      p.fill(colours.page);
      p.circle(x, y, 26);
      const strength = c === 0 ? Math.min(1, Math.abs(values[0][i]) / 1.5) : Math.abs(values[c][i]);
      p.fill(faded(p, colour, (c === 0 && trace) || lit ? 0.08 + 0.9 * strength : 0.2));
      p.circle(x, y, 26);
    });
  });
  const seen = training.batchLoss !== null && !(done === "loss" && progress < 0.6);
  p.stroke(colours.gradient);
  p.strokeWeight(2);
  p.fill(colours.page);
  p.rect(end.x - 24, end.y - 17, 48, 34, 6);
  p.noStroke();
  p.fill(colours.ink);
  p.textAlign(p.CENTER, p.CENTER);
  p.textSize(12);
  p.text(seen ? tell(training.batchLoss, 2) : "loss", end.x, end.y);
  p.fill(colours.quiet);
  p.textAlign(p.CENTER, p.TOP);
  const roomy = columns[1][0].x - columns[0][0].x > 42;
  const titles = roomy ? ["inputs", "tanh", "sigmoid"] : ["in", "tanh", "out"];
  titles.forEach((text, c) => p.text(text, columns[c][0].x, place.bottom - 4));
}

/** Dots on the lines: data to the right in the forward pass, gradients back to the left in the backward pass. */
function drawFlow(p, edges, colours) {
  if (progress === 1 || !["forward", "loss", "backward"].includes(done)) return;
  const backwards = done === "backward";
  const legs = { forward: [1, 2], loss: [3], backward: [3, 2, 1] }[done];
  const leg = Math.min(legs.length - 1, Math.floor(progress * legs.length));
  const t = progress * legs.length - leg;
  p.noStroke();
  p.fill(backwards ? colours.gradient : colours.ink);
  for (const { source, to, column } of edges) {
    if (column !== legs[leg]) continue;
    const [a, b] = backwards ? [to, source] : [source, to];
    p.circle(a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t, 8);
  }
}

const PLANE = [-2.4, 2.4];
const planeFrame = (place) => createFrame(place, PLANE, PLANE);
const isInBatch = (i) => Math.floor(i / problem.batchSize) === (done === "update" ? (training.updates - 1) % training.batches : training.batch);

function drawPlane(p, place, colours) {
  heading(p, place.right - place.left < 150 ? "Its answers" : "What it says where", place.left, place.top - 12, colours);
  const frame = planeFrame(place);
  const context = p.drawingContext;
  const cells = 30;
  const edge = (from, i) => Math.round(from + ((place.right - place.left) * i) / cells); // whole pixels leave no seams
  const [yes, no] = [colours.positive, colours.negative];
  for (let row = 0; row < cells; row++) {
    for (let column = 0; column < cells; column++) {
      const [x0, x1] = [edge(place.left, column), edge(place.left, column + 1)];
      const [y0, y1] = [edge(place.top, row), edge(place.top, row + 1)];
      const share = forward(training.layers, [frame.xValue((x0 + x1) / 2), frame.yValue((y0 + y1) / 2)]).at(-1).a[0];
      context.globalAlpha = 0.05 + 0.7 * Math.abs(2 * share - 1);
      context.fillStyle = share > 0.5 ? yes : no;
      context.fillRect(x0, y0, x1 - x0, y1 - y0);
    }
  }
  context.globalAlpha = 1;
  problem.rows.forEach(([a, b], i) => {
    const yes = problem.targets[i][0] === 1;
    p.stroke(isInBatch(i) && done !== null ? colours.ink : colours.page);
    p.strokeWeight(isInBatch(i) && done !== null ? 2 : 1);
    p.fill(yes ? colours.positive : colours.negative);
    const [x, y] = [frame.x(a), frame.y(b)];
    if (yes) p.circle(x, y, 9);
    else p.rect(x - 4, y - 4, 8, 8);
  });
  p.noStroke();
  p.fill(colours.quiet);
  p.textSize(12);
  p.textAlign(p.LEFT, p.TOP);
  p.text("● yes  ■ no", place.left, place.bottom + 5);
}

function lossFrame(place) {
  const most = Math.max(0.75, ...training.losses);
  return createFrame(place, [0, Math.max(8, training.losses.length)], [0, most * 1.08]);
}

function drawLoss(p, place, colours) {
  heading(p, "Loss", place.left, place.top - 8, colours);
  const frame = lossFrame(place);
  drawAxes(p, frame, colours, { xTicks: ticks(0, frame.x1, 4).filter(Number.isInteger), yTicks: ticks(0, frame.y1, 4) });
  p.noFill();
  p.stroke(faded(p, colours.positive, 0.6));
  p.strokeWeight(1.5);
  p.beginShape();
  training.losses.forEach((loss, i) => p.vertex(frame.x(i + 1), frame.y(loss)));
  p.endShape();
  if (training.losses.length <= 40) {
    p.noStroke();
    p.fill(colours.positive);
    training.losses.forEach((loss, i) => p.circle(frame.x(i + 1), frame.y(loss), 5));
  }
  p.noFill();
  p.stroke(colours.output);
  p.strokeWeight(3);
  p.beginShape();
  training.epochLosses.forEach((loss, i) => p.vertex(frame.x((i + 1) * training.batches), frame.y(loss)));
  p.endShape();
  p.noStroke();
  p.fill(colours.output);
  if (training.epochLosses.length <= 30) training.epochLosses.forEach((loss, i) => p.circle(frame.x((i + 1) * training.batches), frame.y(loss), 7));
  p.textSize(12);
  p.textAlign(p.RIGHT, p.BOTTOM);
  p.fill(colours.output);
  const key = place.right - place.left < 260 ? "● epoch" : "● mean of an epoch";
  p.text(key, place.right, place.top - 8);
  p.fill(colours.positive);
  p.text("● one batch", place.right - p.textWidth(key) - 14, place.top - 8);
  p.fill(colours.quiet);
  p.textAlign(p.RIGHT, p.TOP);
  p.text("iterations", place.right, place.bottom + 20);
}

function barFrame(place, numbers, least) {
  const reach = Math.max(least, ...numbers.map(Math.abs)) * 1.1;
  return createFrame(place, [0, numbers.length], [-reach, reach]);
}

function drawBars(p, place, numbers, colours, { title, colour = null, before = null }) {
  heading(p, title, place.left, place.top - 8, colours);
  const frame = barFrame(place, numbers, colour ? 0.05 : 1);
  const reach = frame.y1 / 1.1;
  const tick = ticks(0, reach, 2).at(-1);
  drawAxes(p, frame, colours, { xTicks: [], yTicks: [-tick, 0, tick] });
  const wide = (place.right - place.left) / numbers.length;
  p.noStroke();
  numbers.forEach((number, i) => {
    p.fill(colour ?? (number < 0 ? colours.negative : colours.positive));
    p.rect(frame.x(i) + wide * 0.15, Math.min(frame.y(0), frame.y(number)), wide * 0.7, Math.max(1, Math.abs(frame.y(number) - frame.y(0))), 2);
  });
  if (before) {
    p.stroke(colours.ink);
    p.strokeWeight(2);
    before.forEach((number, i) => p.line(frame.x(i) + wide * 0.08, frame.y(number), frame.x(i + 1) - wide * 0.08, frame.y(number)));
  }
  p.stroke(colours.control);
  p.strokeWeight(1);
  p.line(frame.x(12), place.top, frame.x(12), place.bottom);
  if (colour) return;
  p.noStroke();
  p.fill(colours.quiet);
  p.textSize(12);
  p.textAlign(p.CENTER, p.TOP);
  p.text("hidden layer: 8 + 4", frame.x(6), place.bottom + 3);
  p.text("output: 4 + 1", frame.x(14.5), place.bottom + 3);
  p.textAlign(p.RIGHT, p.BOTTOM);
  if (before) p.text(place.right - place.left < 320 ? "— before" : "— before the last update", place.right, place.top - 8);
}

const BINS = 16;

function histogram(numbers) {
  const reach = Math.ceil(Math.max(1, ...numbers.map(Math.abs)));
  const bins = Array(BINS).fill(0);
  numbers.forEach((number) => (bins[Math.min(BINS - 1, Math.floor(((number + reach) / (2 * reach)) * BINS))] += 1));
  return { reach, bins };
}

function drawHistogram(p, place, numbers, colours) {
  heading(p, "How many weights are how large", place.left, place.top - 8, colours);
  const { reach, bins } = histogram(numbers);
  const frame = createFrame(place, [-reach, reach], [0, Math.max(4, ...bins)]);
  drawAxes(p, frame, colours, { xTicks: ticks(-reach, reach, 4), yTicks: ticks(0, frame.y1, 3).filter(Number.isInteger) });
  const wide = (place.right - place.left) / BINS;
  p.noStroke();
  bins.forEach((many, i) => {
    p.fill(i < BINS / 2 ? colours.negative : colours.positive);
    if (many) p.rect(place.left + i * wide + 1, frame.y(many), wide - 2, place.bottom - frame.y(many), 2);
  });
}

// --- hover texts

function hover(px, py) {
  const at = places(picture.width(), heightOf(picture.width()));
  const inside = ({ left, right, top, bottom }) => px >= left && px < right && py >= top && py <= bottom;
  const [weights, gradients] = [training.parameters(), training.gradientList()];
  if (inside(at.gradients) || (inside(at.weights) && element("view").value === "bars")) {
    const i = Math.floor(barFrame(at.weights, weights, 1).xValue(px));
    return `${names[i]}: ${tell(weights[i])}\ngradient ${tell(gradients[i])}: an update moves it by ${tell(-learningRate() * gradients[i])}`;
  }
  if (inside(at.weights)) {
    const { reach, bins } = histogram(weights);
    const bin = Math.floor(((px - at.weights.left) / (at.weights.right - at.weights.left)) * BINS);
    const edge = (i) => tell(-reach + (2 * reach * i) / BINS);
    return `${many(bins[bin], "weight")} between ${edge(bin)} and ${edge(bin + 1)}`;
  }
  if (inside(at.loss)) {
    const i = Math.round(lossFrame(at.loss).xValue(px)) - 1;
    return i >= 0 && i < training.losses.length ? `iteration ${i + 1}: loss ${tell(training.losses[i])}` : null;
  }
  if (inside(at.plane)) {
    const frame = planeFrame(at.plane);
    const [x, y] = [frame.xValue(px), frame.yValue(py)];
    const share = forward(training.layers, [x, y]).at(-1).a[0];
    return `at (${tell(x, 2)}, ${tell(y, 2)}) the network says yes with ${tell(share, 2)}`;
  }
  return hoverNetwork(at.network, px, py, weights);
}

function hoverNetwork(place, px, py, weights) {
  const titles = ["input", "hidden", "output"];
  for (const [c, column] of nodes(place).entries()) {
    const i = column.findIndex(({ x, y }) => Math.hypot(px - x, py - y) < 16);
    if (i < 0) continue;
    const title = c === 2 ? "output" : `${titles[c]} ${i + 1}`;
    const of = `the first point of batch ${training.batch + 1}`;
    if (c === 0) return `${title}: ${tell(training.rows[0][i])} for ${of}`;
    const bias = `bias ${tell(weights[c === 1 ? 8 + i : 16])}`;
    const trace = training.traces?.[0];
    return trace ? `${title}: ${tell(trace[c - 1].a[i])} for one point of the batch\n${bias}` : `${title}\n${bias}`;
  }
  const end = lossNode(place);
  if (Math.hypot(px - end.x, py - end.y) < 22) return "binary cross-entropy: 0 is perfect, 0.693 is a coin toss";
  return null;
}

const picture = createPicture(element("training"), { height: heightOf, draw, hover, words: "words" });

// --- the page around it

function showCards() {
  for (const [i, { key }] of STEPS.entries()) {
    const card = element(`card-${key}`);
    if (key === done) card.setAttribute("aria-current", "step");
    else card.removeAttribute("aria-current");
    card.classList.toggle("next", i === training.next);
    card.classList.toggle("first", i === 0 && done === null);
  }
}

function showMetrics() {
  element("iteration-number").textContent = count(training.updates + (training.next > 0 ? 1 : 0));
  element("batch-loss").textContent = training.batchLoss === null ? "–" : tell(training.batchLoss);
  element("average-loss").textContent = training.averageLoss === null ? "–" : tell(training.averageLoss);
  element("updates").textContent = count(training.updates);
}

/** While something runs the words change too fast to be read out; they are when it has come to rest. */
function tellWords() {
  const live = running ? "off" : "polite";
  if (element("words").getAttribute("aria-live") !== live) {
    element("words").setAttribute("aria-live", live);
    say("words", "");
  }
  say("words", inWords());
}

function showButtons() {
  element("iteration").textContent = running === "iteration" ? "Pause" : "Complete iteration";
  element("epoch").textContent = running === "epoch" ? "Pause" : "Run epoch";
  element("epochs").textContent = running === "epochs" ? "Pause" : "Run 25 epochs";
}

function update() {
  element("learning-rate-said").textContent = String(learningRate());
  element("learning-rate").setAttribute("aria-valuetext", String(learningRate()));
  const pace = reducedMotion() ? "off (reduced motion)" : `${speed()} ×`;
  element("speed-said").textContent = pace;
  element("speed").setAttribute("aria-valuetext", pace);
  element("speed").disabled = reducedMotion();
  const chosen = JSON.stringify({ learningRate: learningRate(), forgetToZero: false });
  const repeatable = [...settings].every((one) => one === chosen);
  say("program-hint", repeatable
    ? "PyTorch's 64-bit numbers, the same start, batches in the same order: this program prints, twice, the mean loss of the last finished epoch above."
    : "This run forgot step 1 or changed its learning rate on the way, so the program gives other numbers. Start again to compare.");
  element("program").textContent = pythonProgram(problem, learningRate(), Math.max(1, training.epochLosses.length));
  showCards();
  showMetrics();
  showButtons();
  tellWords();
  picture.redraw();
}

window.sim = {
  state: () => ({
    next: STEPS[training.next].key,
    done,
    batch: training.batch,
    updates: training.updates,
    epochs: training.epochLosses.length,
    losses: [...training.losses],
    epochLosses: [...training.epochLosses],
    batchLoss: training.batchLoss,
    averageLoss: training.averageLoss,
    weights: training.parameters(),
    gradients: training.gradientList(),
    correct: training.correct(),
    learningRate: learningRate(),
    speed: speed(),
    forgetToZero: element("forget").checked,
    view: element("view").value,
    running,
    moving: clock.running(),
    progress,
    words: element("words").textContent,
    program: element("program").textContent,
    frames: picture.frames(),
  }),
};

update();
