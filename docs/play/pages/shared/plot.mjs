// Axes and curves, in the units of what they show.

import { tell } from "../../core/numbers.mjs";

/** A rectangle of the canvas with scales: x(value) and y(value) are pixels, left and bottom upwards. */
export function createFrame({ left, top, right, bottom }, [x0, x1], [y0, y1]) {
  const x = (value) => left + ((value - x0) / (x1 - x0)) * (right - left);
  const y = (value) => bottom - ((value - y0) / (y1 - y0)) * (bottom - top);
  const xValue = (pixel) => x0 + ((pixel - left) / (right - left)) * (x1 - x0);
  const yValue = (pixel) => y0 + ((bottom - pixel) / (bottom - top)) * (y1 - y0);
  const holds = (px, py) => px >= left && px <= right && py >= top && py <= bottom;
  return { left, top, right, bottom, x, y, xValue, yValue, x0, x1, y0, y1, holds };
}

/** Grid lines with their numbers, and stronger lines where x or y is 0. */
export function drawAxes(p, frame, colours, { xTicks, yTicks, xName = "", yName = "" }) {
  const { left, right, top, bottom, x, y, x0, x1, y0, y1 } = frame;
  p.textSize(12);
  p.strokeWeight(1);
  for (const tick of xTicks) {
    p.stroke(tick === 0 && x0 < 0 ? colours.control : colours.line);
    p.line(x(tick), top, x(tick), bottom);
    p.noStroke();
    p.fill(colours.quiet);
    p.textAlign(p.CENTER, p.TOP);
    p.text(tell(tick), x(tick), bottom + 5);
  }
  for (const tick of yTicks) {
    p.stroke(tick === 0 && y0 < 0 ? colours.control : colours.line);
    p.line(left, y(tick), right, y(tick));
    p.noStroke();
    p.fill(colours.quiet);
    p.textAlign(p.RIGHT, p.CENTER);
    p.text(tell(tick), left - 6, y(tick));
  }
  p.noStroke();
  p.fill(colours.quiet);
  p.textAlign(p.RIGHT, p.TOP);
  if (xName) p.text(xName, right, bottom + 20);
  p.textAlign(p.LEFT, p.BOTTOM);
  if (yName) p.text(yName, left, top - 4);
  void x1, y1;
}

/** Round numbers between two ends, about `wanted` of them. */
export function ticks(from, to, wanted = 5) {
  const rough = (to - from) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const found = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to + 1e-9 * step; i++) found.push(Number((i * step).toPrecision(12)));
  return found;
}

/** Everything drawn by `content` is cut off at the frame. */
export function clipped(p, { left, top, right, bottom }, content) {
  const context = p.drawingContext;
  context.save();
  context.beginPath();
  context.rect(left, top, right - left, bottom - top);
  context.clip();
  content();
  context.restore();
}

/** A function of x as a line; `jumps` breaks it where it leaps, as a step does. */
export function drawCurve(p, frame, f, { colour, weight = 2, dash = [], jumps = [] }) {
  const context = p.drawingContext;
  p.noFill();
  p.stroke(colour);
  p.strokeWeight(weight);
  context.setLineDash(dash);
  const ends = [frame.x0, ...jumps, frame.x1];
  for (let piece = 0; piece + 1 < ends.length; piece++) {
    const [from, to] = [ends[piece], ends[piece + 1]];
    const tiny = 1e-9;
    const steps = Math.max(2, Math.ceil((frame.x(to) - frame.x(from)) / 2));
    p.beginShape();
    for (let i = 0; i <= steps; i++) {
      const x = from + ((to - from) * i) / steps + (i === 0 ? tiny : i === steps ? -tiny : 0);
      p.vertex(frame.x(x), frame.y(f(x)));
    }
    p.endShape();
  }
  context.setLineDash([]);
}
