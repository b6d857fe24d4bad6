// The activation function explorer. All arithmetic is in core/; this file reads controls and draws.

import { activations, flatStretches, gradientThrough, names, softmax } from "../core/activations.mjs";
import { collapse, createStack, largestGap, output } from "../core/collapse.mjs";
import { forward } from "../core/network.mjs";
import { tell } from "../core/numbers.mjs";
import { createClock, createPicture, element, faded, make, say } from "./shared/picture.mjs";
import { clipped, createFrame, drawAxes, drawCurve, ticks } from "./shared/plot.mjs";

const shown = new Set(["sigmoid", "tanh", "relu"]);
let highlighted = "sigmoid";
let x = 1;

const leak = () => Number(element("leak").value);
const yLimit = () => Number(element("y-limit").value);
const value = (name, at = x) => activations[name].value(at, leak());
const slope = (name, at = x) => activations[name].slope(at, leak());

// --- the table: what is drawn, what is looked at, and the values here

for (const name of names) {
  const { title, formula } = activations[name];
  const show = make("input", { type: "checkbox", id: `show-${name}`, checked: shown.has(name) });
  const look = make("input", { type: "radio", name: "look", id: `look-${name}`, checked: name === highlighted });
  look.setAttribute("aria-label", `look at ${title}`);
  const swatch = make("span", { class: "swatch", style: `background: var(--${name})` });
  element("functions").append(
    make("tr", { id: `row-${name}` },
      make("th", { scope: "row" }, make("label", {}, show, swatch, title)),
      make("td", { class: "formula" }, formula),
      make("td", { id: `value-${name}` }),
      make("td", { id: `slope-${name}` }),
      make("td", { class: "radio" }, make("label", {}, look)),
    ),
  );
  show.addEventListener("change", () => {
    if (show.checked) shown.add(name);
    else shown.delete(name);
    if (!shown.has(highlighted)) lookAt(names.find((one) => shown.has(one)) ?? null);
    else if (highlighted === null) lookAt(name);
    update();
  });
  look.addEventListener("change", () => {
    lookAt(name);
    update();
  });
}

function lookAt(name) {
  highlighted = name;
  names.forEach((one) => (element(`look-${one}`).checked = one === name));
  if (name === null) return;
  shown.add(name);
  element(`show-${name}`).checked = true;
}

function setX(wanted) {
  if (!Number.isFinite(wanted)) return;
  x = Math.max(-1000, Math.min(1000, wanted));
  element("x").value = x;
  if (document.activeElement !== element("x-exact")) element("x-exact").value = x;
  update();
}

element("x").addEventListener("input", () => setX(Number(element("x").value)));
element("x-exact").addEventListener("input", () => setX(element("x-exact").valueAsNumber));
element("x-exact").addEventListener("change", () => (element("x-exact").value = x));
for (const id of ["derivatives", "annotations", "y-limit", "leak"]) element(id).addEventListener("input", update);

// --- the words

function inWords() {
  if (highlighted === null) return "No function is drawn. Tick one below.";
  const { title } = activations[highlighted];
  const here = slope(highlighted);
  const left = gradientThrough(highlighted, x, 10, leak());
  const parts = [`At x = ${tell(x)}, ${title} gives ${tell(value(highlighted))} and its slope is ${tell(here)}.`];
  if (here === 1) parts.push("A gradient passes through it whole, however many such layers there are.");
  else if (here === 0) parts.push("No gradient passes through it here: the neuron does not learn from this input.");
  else parts.push(`Ten such layers in a row would leave ${tell(left)} of a gradient of 1.`);
  if (highlighted === "softmax") {
    const [own, rival] = softmax([x, 0, 0]);
    parts.push(`The three shares are ${tell(own)}, ${tell(rival)} and ${tell(rival)}.`);
  }
  const others = names.filter((name) => shown.has(name) && name !== highlighted);
  if (others.length) parts.push(`Also drawn: ${others.map((name) => `${activations[name].title} ${tell(value(name))}`).join(", ")}.`);
  if (x < -5 || x > 5) parts.push("This x lies outside the picture.");
  return parts.join(" ");
}

function flatInWords() {
  const stretches = flatStretches(highlighted, { leak: leak() });
  if (!stretches.length) return "";
  const said = stretches.map(([from, to]) => {
    if (from === -5 && to === 5) return "everywhere";
    return from === -5 ? `below ${tell(to)}` : `above ${tell(from)}`;
  });
  return ` Its slope is under 0.05 ${said.join(" and ")}${element("annotations").checked ? " (shaded)" : ""}.`;
}

// --- the picture

const frameOf = (width, height) =>
  createFrame({ left: 42, top: 14, right: width - 16, bottom: height - 40 }, [-5, 5], [-yLimit(), yLimit()]);

const heightOf = (width) => Math.round(Math.max(290, Math.min(440, width * 0.5)));
const jumps = { step: [0] };
const kinks = { step: [0], relu: [0], leaky_relu: [0] }; // where the derivative leaps

function drawCurves(p, width, height, colours) {
  const frame = frameOf(width, height);
  if (highlighted && element("annotations").checked) shadeFlat(p, frame, colours);
  const spacing = yLimit() > 2 ? 1 : 0.5;
  drawAxes(p, frame, colours, {
    xTicks: ticks(-5, 5, width < 500 ? 5 : 10),
    yTicks: ticks(-yLimit(), yLimit(), (2 * yLimit()) / spacing),
    xName: "x",
  });
  const order = [...names.filter((name) => shown.has(name) && name !== highlighted), ...(highlighted ? [highlighted] : [])];
  clipped(p, frame, () => {
    for (const name of order) {
      const colour = colours[name];
      const main = name === highlighted;
      if (element("derivatives").checked) {
        const dashed = main ? colour : faded(p, colour, 0.75);
        drawCurve(p, frame, (at) => slope(name, at), { colour: dashed, weight: main ? 2.5 : 1.5, dash: [7, 6], jumps: kinks[name] });
      }
      drawCurve(p, frame, (at) => value(name, at), { colour, weight: main ? 4.5 : 2, jumps: jumps[name] });
    }
    if (highlighted && element("derivatives").checked) drawTangent(p, frame, colours);
  });
  if (x >= -5 && x <= 5) drawPoints(p, frame, colours, order);
  if (highlighted) drawName(p, frame, colours);
}

function shadeFlat(p, frame, colours) {
  const exact = ["relu", "step"].includes(highlighted);
  for (const [from, to] of flatStretches(highlighted, { leak: leak() })) {
    p.noStroke();
    p.fill(colours.flat);
    p.rect(frame.x(from), frame.top, frame.x(to) - frame.x(from), frame.bottom - frame.top);
    p.fill(colours.quiet);
    p.textSize(12);
    p.textAlign(p.CENTER, p.BOTTOM);
    const words = exact ? ["the gradient", "is zero here"] : ["gradients", "vanish here"];
    words.forEach((line, i) => p.text(line, (frame.x(from) + frame.x(to)) / 2, frame.bottom - 6 - 15 * (1 - i)));
  }
}

function drawTangent(p, frame, colours) {
  const reach = 0.8;
  const [y, rise] = [value(highlighted), slope(highlighted)];
  p.stroke(colours.ink);
  p.strokeWeight(1.5);
  p.line(frame.x(x - reach), frame.y(y - reach * rise), frame.x(x + reach), frame.y(y + reach * rise));
}

function drawPoints(p, frame, colours, order) {
  p.stroke(colours.ink);
  p.strokeWeight(1);
  p.drawingContext.setLineDash([2, 4]);
  p.line(frame.x(x), frame.top, frame.x(x), frame.bottom);
  p.drawingContext.setLineDash([]);
  for (const name of order) {
    const y = frame.y(value(name));
    if (y < frame.top - 1 || y > frame.bottom + 1) continue;
    p.stroke(colours.page);
    p.strokeWeight(2);
    p.fill(colours[name]);
    p.circle(frame.x(x), y, name === highlighted ? 16 : 11);
  }
}

function drawName(p, frame, colours) {
  const { title } = activations[highlighted];
  p.textSize(15);
  p.textStyle(p.BOLD);
  p.textAlign(p.LEFT, p.TOP);
  p.noStroke();
  p.fill(colours.page);
  p.rect(frame.left + 6, frame.top + 4, p.textWidth(title) + 12, 24, 5);
  p.fill(colours[highlighted]);
  p.text(title, frame.left + 12, frame.top + 8);
  p.textStyle(p.NORMAL);
  p.textSize(13);
}

/** The nearest curve under the pointer, and what it is worth there. */
function hoverCurves(px, py) {
  const frame = frameOf(curves.width(), heightOf(curves.width()));
  if (!frame.holds(px, py)) return null;
  const at = frame.xValue(px);
  const near = names
    .filter((name) => shown.has(name))
    .map((name) => ({ name, distance: Math.abs(frame.y(value(name, at)) - py) }))
    .sort((a, b) => a.distance - b.distance)[0];
  if (!near || near.distance > 24) return null;
  return `${activations[near.name].title} at x = ${tell(at)}\nf(x) = ${tell(value(near.name, at))}, slope ${tell(slope(near.name, at))}`;
}

const figure = element("curves");
const curves = createPicture(figure, {
  height: heightOf,
  draw: drawCurves,
  hover: hoverCurves,
  press: (px) => {
    const frame = frameOf(curves.width(), heightOf(curves.width()));
    setX(Math.max(-5, Math.min(5, Math.round(frame.xValue(px) * 20) / 20)));
  },
  words: "words",
});

function update() {
  element("y-limit-said").textContent = `−${tell(yLimit())} to ${tell(yLimit())}`;
  element("leak-said").textContent = tell(leak());
  for (const name of names) {
    element(`value-${name}`).textContent = tell(value(name));
    element(`slope-${name}`).textContent = tell(slope(name));
    element(`row-${name}`).className = name === highlighted ? "chosen" : "";
  }
  if (highlighted) {
    const { title, note, range, use } = activations[highlighted];
    say("note", `${title}: range ${range}, for ${use}. ${note}${flatInWords()}`);
  } else say("note", "");
  say("words", inWords());
  curves.redraw();
}

// --- why non-linearity matters

const clock = createClock();
let seed = 11; // its bends can be seen
let layers = createStack("linear", seed);
let stage = 0; // 0: three layers apart; 1: the first two are one; 2: all three are one
let refused = false;
let stack = null; // made when it is first opened: a canvas in a hidden section has no width

const between = () => element("between").value;

element("demo-toggle").addEventListener("click", () => {
  const open = element("demo").hidden;
  element("demo").hidden = !open;
  element("demo-toggle").setAttribute("aria-expanded", String(open));
  if (open) stack ??= createPicture(element("stack"), { height: stackHeight, draw: drawStack, words: "stack-words" });
  updateStack();
});

function renew() {
  clock.stop();
  layers = createStack(between(), seed);
  stage = 0;
  refused = false;
  updateStack();
}

element("between").addEventListener("change", renew);
element("apart").addEventListener("click", renew);
element("other").addEventListener("click", () => {
  seed += 1;
  renew();
});
element("multiply").addEventListener("click", async () => {
  clock.stop();
  if (between() !== "linear") {
    refused = true;
    // they come closer, and what stands between pushes them back
    const finished = await clock.play(1100, (t) => {
      stage = t === 1 ? 0 : 0.45 * Math.sin(Math.PI * t);
      stack.redraw();
    });
    if (finished) updateStack();
    return;
  }
  const from = Math.min(stage, 1.999);
  const finished = await clock.play(900 * (2 - from), (t) => {
    stage = from + (2 - from) * t;
    stack.redraw();
  });
  if (finished) updateStack();
});

const single = () => ({ ...collapse(layers), activation: "linear" });
const line = () => ({ slope: single().weights[0][0], intercept: single().biases[0] });

function formula() {
  const { slope, intercept } = line();
  return `y = ${tell(slope)} · x ${intercept < 0 ? "−" : "+"} ${tell(Math.abs(intercept))}`;
}

function stackInWords() {
  const title = activations[between()].title;
  if (between() === "linear") {
    if (stage < 2) return "Three linear layers, 22 numbers. The thin lines are what the hidden neurons give, the thick one is the output: all of them straight.";
    return `Multiplied out, the 22 numbers are two: ${formula()}. The dashed line of this one layer lies exactly on the output of the three. More linear layers would only make another straight line.`;
  }
  const start = `With ${title} between its layers the output bends, and no straight line can follow it.`;
  if (!refused) return start;
  return `${start} The layers do not multiply out: ${title} stands between them. Leaving it out anyway gives ${formula()} (dashed), which is off by up to ${tell(largestGap(layers))} on this stretch.`;
}

const stackHeight = (width) => (width < 560 ? 400 : 430);

function drawStack(p, width, height, colours) {
  drawBlocks(p, width, colours);
  const reach = Math.max(1, ...[...Array(101)].map((_, i) => Math.abs(output(layers, -5 + i / 10))));
  const limit = [1, 2, 3, 5, 8, 10, 15, 20, 30, 50, 100].find((one) => one >= reach) ?? reach;
  const frame = createFrame({ left: 42, top: 140, right: width - 16, bottom: height - 40 }, [-5, 5], [-limit, limit]);
  drawAxes(p, frame, colours, {
    xTicks: ticks(-5, 5, width < 500 ? 5 : 10),
    yTicks: ticks(-limit, limit, 4),
    xName: "x",
    yName: "",
  });
  const shade = between() === "linear" ? colours.linear : colours[between()];
  clipped(p, frame, () => {
    if (stage < 2) {
      for (const layer of [0, 1]) {
        for (const neuron of [0, 1, 2]) {
          drawCurve(p, frame, (at) => forward(layers, [at])[layer].a[neuron], { colour: faded(p, colours.quiet, 0.55), weight: 1 });
        }
      }
    }
    drawCurve(p, frame, (at) => output(layers, at), { colour: shade, weight: 5 });
    if (stage === 2 || refused) {
      const { slope, intercept } = line();
      drawCurve(p, frame, (at) => slope * at + intercept, { colour: colours.ink, weight: 2, dash: [7, 6] });
    }
  });
}

function drawBlocks(p, width, colours) {
  const gap = width < 560 ? 34 : 70;
  const block = Math.min(190, (width - 32 - 2 * gap) / 3);
  const left = (width - 3 * block - 2 * gap) / 2;
  const apart = [0, 1, 2].map((i) => left + i * (block + gap));
  const middle = apart[1];
  const towards = (from, to, t) => from + (to - from) * t;
  const first = Math.min(1, stage); // 1 when layers 1 and 2 have met
  const second = Math.max(0, stage - 1);
  const places = [towards(apart[0], middle, first / 2 + second / 2), towards(middle, apart[0], first / 2 - second / 2), towards(apart[2], middle, second)];
  const pair = towards(apart[0], middle, 0.5 + second / 2);
  const boxes = stage === 2 ? [[middle, "one layer", "1 → 1", "2 numbers"]]
    : stage >= 1 ? [[pair, "layers 1 and 2", "1 → 3", "6 numbers"], [places[2], "layer 3", "3 → 1", "4 numbers"]]
    : [[places[0], "layer 1", "1 → 3", "6 numbers"], [places[1], "layer 2", "3 → 3", "12 numbers"], [places[2], "layer 3", "3 → 1", "4 numbers"]];
  p.stroke(colours.control);
  p.strokeWeight(2);
  p.line(Math.min(...boxes.map(([at]) => at)) - 12, 66, Math.max(...boxes.map(([at]) => at)) + block + 12, 66);
  for (const [at, ...lines] of boxes) {
    p.fill(colours.panel);
    p.stroke(colours.accent);
    p.strokeWeight(1.5);
    p.rect(at, 26, block, 80, 8);
    p.noStroke();
    p.textAlign(p.CENTER, p.CENTER);
    lines.forEach((text, i) => {
      p.fill(i === 1 ? colours.ink : colours.quiet);
      p.textSize(i === 1 ? 17 : 12);
      p.text(text, at + block / 2, 44 + 22 * i);
    });
  }
  if (between() === "linear") return;
  for (let i = 0; i + 1 < boxes.length; i++) {
    const at = (boxes[i][0] + block + boxes[i + 1][0]) / 2;
    p.stroke(colours.page);
    p.strokeWeight(2);
    p.fill(colours[between()]);
    p.circle(at, 66, 26);
    p.noStroke();
    p.fill(colours.page);
    p.textSize(15);
    p.textStyle(p.BOLD);
    p.text("f", at, 66);
    p.textStyle(p.NORMAL);
  }
}

function updateStack() {
  say("stack-words", stackInWords());
  element("multiply").disabled = stage === 2;
  element("apart").disabled = stage === 0 && !refused;
  stack?.redraw();
}

window.sim = {
  state: () => ({
    x,
    shown: names.filter((name) => shown.has(name)),
    highlighted,
    derivatives: element("derivatives").checked,
    annotations: element("annotations").checked,
    yLimit: yLimit(),
    leak: leak(),
    values: Object.fromEntries(names.map((name) => [name, { value: value(name), slope: slope(name) }])),
    words: element("words").textContent,
    note: element("note").textContent,
    demo: {
      open: !element("demo").hidden,
      between: between(),
      seed,
      stage,
      refused,
      moving: clock.running(),
      gap: largestGap(layers),
      ...line(),
      words: element("stack-words").textContent,
    },
    frames: curves.frames() + (stack?.frames() ?? 0),
  }),
};

update();
