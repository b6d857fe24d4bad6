"use strict";
const told = JSON.parse(document.getElementById("data").textContent);
const form = document.getElementById("form");
const button = document.getElementById("ask");
const result = document.getElementById("result");
const problem = document.getElementById("problem");

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function short(number) {
  if (typeof number !== "number") return String(number);
  if (number !== 0 && (Math.abs(number) < 0.001 || Math.abs(number) >= 1e7)) return number.toExponential(2);
  return new Intl.NumberFormat("en", { maximumSignificantDigits: 4 }).format(number);
}

// Sure is only what is sure: 99.97 % is not shown as 100 %.
function percent(share) {
  if (share < 1 && share > 0.999) return "over 99.9%";
  if (share > 0 && share < 0.001) return "under 0.1%";
  return new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 }).format(share);
}

function complain(control, id, text) {
  document.getElementById(id).textContent = text;
  if (text) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
}

// A field's value as the server takes it; the server has the last word on whether it can be used.
function valueOf(control, field) {
  const text = control.value.trim();
  if (text === "") return null;
  if (control.tagName === "SELECT") return field.type === "boolean" ? text === "1" : field.categories[Number(text)];
  if (field.type === "category") return field.categories.find((one) => String(one) === text) ?? text;
  if (field.type === "date") return text;
  const number = Number(text);
  return Number.isFinite(number) ? number : text;
}

function read() {
  if (told.fields === null) {
    const area = document.getElementById("row");
    try {
      const row = JSON.parse(area.value);
      complain(area, "error-row", "");
      return row;
    } catch (error) {
      complain(area, "error-row", "This is no JSON: " + error.message);
      area.focus();
      return undefined;
    }
  }
  const row = {};
  let first = null;
  told.fields.forEach((field, at) => {
    const control = document.getElementById("field-" + at);
    const value = valueOf(control, field);
    const missing = value === null && !field.nullable;
    complain(control, "error-" + at, missing ? "This is needed." : "");
    if (missing && first === null) first = control;
    row[field.name] = value;
  });
  if (first !== null) {
    first.focus();
    return undefined;
  }
  return row;
}

async function ask(path, row, signal) {
  const answer = await fetch(path, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ rows: [row] }), signal,
  });
  const body = await answer.json();
  if (answer.ok) return body;
  showErrors(body.error);
  throw new Error(body.error.message);
}

function showErrors(error) {
  let shown = false;
  for (const one of error.fields) {
    const name = one.field.replace(/^rows\[0\]\.?/, "");
    const at = told.fields === null ? -1 : told.fields.findIndex((field) => field.name === name);
    if (at >= 0) {
      complain(document.getElementById("field-" + at), "error-" + at, "It " + one.message + ".");
      if (!shown) document.getElementById("field-" + at).focus();
      shown = true;
    }
  }
  problem.textContent = shown ? "" : error.message;
}

function bars(items, signed) {
  const list = element("ul", undefined, "bars");
  const most = Math.max(...items.map((item) => Math.abs(item.value)), 1e-12);
  for (const item of items) {
    const line = element("li");
    const row = element("div", undefined, "row");
    row.append(element("span", item.name, "name"), element("span", item.shown));
    const track = element("div", undefined, "track");
    const bar = element("div", undefined, signed && item.value < 0 ? "bar against" : "bar");
    const share = signed ? Math.abs(item.value) / most / 2 : item.value;
    bar.style.width = 100 * share + "%";
    bar.style.left = signed ? (item.value < 0 ? 50 - 100 * share : 50) + "%" : "0";
    track.setAttribute("aria-hidden", "true");
    track.append(bar);
    line.append(row, track);
    list.append(line);
  }
  return list;
}

function showPrediction(one) {
  result.replaceChildren();
  const plain = one.prediction !== null && typeof one.prediction === "object";
  const named = told.target ? told.target + ": " : "";
  result.append(element("p", named + (plain ? JSON.stringify(one.prediction) : short(one.prediction)), "answer"));
  if (one.probability !== null && one.probability !== undefined) {
    result.append(element("p", "with a probability of " + percent(one.probability), "told"));
  }
  if (one.probabilities) {
    const items = Object.entries(one.probabilities).map(([name, value]) => ({ name, value, shown: percent(value) }));
    items.sort((a, b) => b.value - a.value);
    result.append(bars(items.slice(0, 10), false));
  }
}

// Signs and one unit, so that colour is not needed to read it.
function signed(value) {
  const size = told.classifies ? (100 * Math.abs(value)).toFixed(1) : short(Math.abs(value));
  const sign = Number(size) === 0 ? "" : value < 0 ? "\u2212" : "+"; // what rounds to nothing has none
  return sign + size + (told.classifies ? " points" : "");
}

function showExplanation(one, row) {
  const most = 8;
  const items = one.contributions.slice(0, most).map((item) => ({
    name: item.feature + " = " + (row[item.feature] ?? "not known"),
    value: item.contribution, shown: signed(item.contribution),
  }));
  const others = one.contributions.slice(most);
  if (others.length > 0) {
    const sum = others.reduce((total, item) => total + item.contribution, 0);
    const name = others.length === 1 ? others[0].feature : others.length + " others together";
    items.push({ name, value: sum, shown: signed(sum) });
  }
  const towards = told.classifies ? " towards " + one.prediction : "";
  result.append(element("h3", "What pushed it" + towards), bars(items, true));
  const level = told.classifies ? percent : short;
  const text = "From " + level(one.base) + ", the average over rows it is compared with, to " + level(one.output) + ".";
  result.append(element("p", text, "hint"));
}

// Beyond what training rows had the model guesses: said, and not forbidden.
told.fields?.forEach((field, at) => {
  if (field.minimum === null || field.maximum === null) return;
  const control = document.getElementById("field-" + at);
  const hint = document.getElementById("hint-" + at);
  const usual = hint.textContent;
  const look = () => {
    const value = valueOf(control, field);
    const beyond = typeof value === typeof field.minimum && (value < field.minimum || value > field.maximum);
    hint.classList.toggle("beyond", beyond);
    hint.textContent = beyond ? usual + ": this is outside, and the model has seen nothing like it" : usual;
  };
  control.addEventListener("input", look);
  form.addEventListener("reset", () => setTimeout(look));
});

function bringIntoView() {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  document.getElementById("heading").scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
}

let asking = new AbortController();

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.textContent = "";
  const row = read();
  if (row === undefined) return;
  asking = new AbortController();
  const { signal } = asking;
  button.disabled = true;
  try {
    const predicted = await ask("predict", row, signal);
    showPrediction(predicted.predictions[0]);
    bringIntoView();
    if (told.explains) {
      const waiting = element("p", "Looking for what pushed it …", "told");
      result.append(waiting);
      try {
        const explained = await ask("explain", row, signal);
        waiting.remove();
        showExplanation(explained.explanations[0], row);
      } catch (error) {
        waiting.textContent = error.message;
      }
    }
  } catch (error) {
    if (error instanceof TypeError) problem.textContent = "The server does not answer. Is it still running?";
  } finally {
    button.disabled = false;
  }
});

form.addEventListener("reset", () => {
  asking.abort();  // an answer that still comes would be to a question that no longer stands
  problem.textContent = "";
  for (const one of document.querySelectorAll(".field .error")) one.textContent = "";
  for (const one of document.querySelectorAll("[aria-invalid]")) one.removeAttribute("aria-invalid");
  result.replaceChildren(element("p", "Nothing asked yet.", "told"));
});
