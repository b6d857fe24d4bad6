// What the three pages share: a p5 canvas that draws only when something changed, a clock for animations, hover texts.
/* global p5 */

const motion = matchMedia("(prefers-reduced-motion: reduce)");
const scheme = matchMedia("(prefers-color-scheme: dark)");

export const element = (id) => document.getElementById(id);

/** Make an element with attributes and children, in one expression. */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Say in words what is shown. Screen readers hear it once things have come to rest, and only if it changed. */
export function say(id, text) {
  if (element(id).textContent !== text) element(id).textContent = text;
}

/**
 * Put a picture into `figure` (an element with a .canvas inside).
 *
 * draw(p, width, height, colours) draws all of it; height(width) says how high it is at that width; hover(x, y) returns
 * the text for a place, or null; press(x, y) takes clicks and drags. Returns {redraw, frames}.
 */
export function createPicture(figure, { height, draw, hover, press, words }) {
  const place = figure.querySelector(".canvas");
  const tip = make("div", { class: "tip", hidden: true, "aria-hidden": "true" }); // the words below say the same
  figure.append(tip);
  let width = place.clientWidth;
  let ready = false;

  const sketch = new p5((p) => {
    p.setup = () => {
      const canvas = p.createCanvas(width, height(width));
      canvas.elt.setAttribute("role", "img");
      canvas.elt.setAttribute("aria-labelledby", words);
      p.noLoop(); // an idle page costs nothing
      ready = true;
    };
    p.draw = () => {
      const colours = palette();
      p.background(colours.page);
      p.textFont("system-ui, sans-serif");
      p.textSize(13);
      draw(p, width, height(width), colours);
    };
  }, place);

  // p5's redraw takes its time and drops a call that comes meanwhile; what was asked for last must be drawn
  let drawing = false;
  let stale = false;
  const redraw = async () => {
    stale = true;
    if (!ready || drawing) return;
    drawing = true;
    while (stale) {
      stale = false;
      if (Math.abs(sketch.height - height(width)) > 0.5 || sketch.width !== width) sketch.resizeCanvas(width, height(width), true);
      await sketch.redraw();
    }
    drawing = false;
  };

  new ResizeObserver(() => {
    if (place.clientWidth === 0 || place.clientWidth === width) return;
    width = place.clientWidth;
    redraw();
  }).observe(place);
  scheme.addEventListener("change", redraw);
  addEventListener("themechange", redraw);

  const at = (event) => {
    const box = place.getBoundingClientRect();
    return [event.clientX - box.left - place.clientLeft, event.clientY - box.top - place.clientTop];
  };
  const point = (event) => {
    const [x, y] = at(event);
    const text = hover?.(x, y) ?? null;
    tip.hidden = text === null;
    if (text === null) return;
    tip.textContent = text;
    tip.style.left = `${Math.max(0, Math.min(x + 14, width - tip.offsetWidth))}px`;
    tip.style.top = `${y > tip.offsetHeight + 16 ? y - tip.offsetHeight - 10 : y + 18}px`;
  };
  let pressed = false;
  place.addEventListener("pointerdown", (event) => {
    pressed = true;
    press?.(...at(event));
    point(event);
  });
  place.addEventListener("pointermove", (event) => {
    if (pressed) press?.(...at(event));
    point(event);
  });
  addEventListener("pointerup", () => (pressed = false));
  place.addEventListener("pointercancel", () => (pressed = false));
  place.addEventListener("pointerleave", () => (tip.hidden = true));
  return { redraw, width: () => width, frames: () => sketch.frameCount };
}

/**
 * Run `frame(t)` with t from 0 to 1 over `milliseconds`; resolves to true at its end, to false if it was stopped.
 * Where the reader asked for less motion there is one frame, the last: states jump.
 */
export function createClock() {
  let running = null;
  const stop = () => {
    if (!running) return;
    cancelAnimationFrame(running.request);
    running.resolve(false);
    running = null;
  };
  const play = (milliseconds, frame) => {
    stop();
    if (motion.matches || milliseconds <= 0) {
      frame(1);
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const start = performance.now();
      const mine = { resolve };
      running = mine;
      const tick = (now) => {
        const t = Math.min(1, Math.max(0, (now - start) / milliseconds));
        if (t === 1) running = null;
        frame(t);
        if (t === 1) resolve(true);
        else if (running === mine) mine.request = requestAnimationFrame(tick);
      };
      mine.request = requestAnimationFrame(tick);
    });
  };
  return { play, stop, running: () => running !== null };
}

export const reducedMotion = () => motion.matches;

/** The colours of style.css as they are now, by their names; each is asked for once a picture. */
function palette() {
  const style = getComputedStyle(document.documentElement);
  const known = {};
  return new Proxy(known, { get: (_, name) => (known[name] ??= style.getPropertyValue(`--${name}`).trim()) });
}

const mixed = new Map(); // reading a colour costs p5 more than drawing a line with it

/** A colour made more or less see-through: opacity 0 to 1, in fiftieths. */
export function faded(p, colour, opacity) {
  const fiftieths = Math.round(opacity * 50);
  const key = `${colour} ${fiftieths}`;
  if (!mixed.has(key)) {
    const made = p.color(colour);
    made.setAlpha((255 * fiftieths) / 50);
    mixed.set(key, made);
  }
  return mixed.get(key);
}

// Embedded, a page tells its height to whoever embeds it. The documentation answers with its light or dark: see embed.js.
if (parent !== window) {
  new ResizeObserver(() =>
    parent.postMessage({ play: "height", height: document.documentElement.offsetHeight }, "*"),
  ).observe(document.documentElement);
  addEventListener("message", ({ source, data }) => {
    if (source !== parent || data?.play !== "theme") return;
    document.documentElement.classList.add("within-docs");
    if (["light", "dark"].includes(data.theme)) document.documentElement.dataset.theme = data.theme;
    else delete document.documentElement.dataset.theme;
    dispatchEvent(new Event("themechange"));
  });
}
