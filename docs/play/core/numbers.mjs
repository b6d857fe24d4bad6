// Numbers as people read them, and random numbers that are the same on every machine.

/** A number in at most `digits` significant digits, with a real minus sign: 0.0183, −12.5, 3.1 × 10⁻⁹. */
export function tell(number, digits = 3) {
  if (Number.isNaN(number)) return "not a number";
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  if (number === 0) return "0";
  const size = Math.abs(number);
  let text;
  if (size < 1e-4 || size >= 1e7) {
    const [digitsPart, exponent] = size.toExponential(Math.max(0, digits - 2)).split("e");
    text = `${digitsPart} × 10${superscript(Number(exponent))}`;
  } else {
    text = size >= 10 ** digits ? size.toFixed(0) : String(Number(size.toPrecision(digits)));
  }
  return (number < 0 ? "−" : "") + text;
}

const superscript = (number) => [...String(number)].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻").join("");

/** A whole number with thin spaces between its thousands: 12 345. */
export const count = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");

/** "1 neuron", "8 neurons". */
export const many = (number, noun, plural = `${noun}s`) => `${count(number)} ${number === 1 ? noun : plural}`;

/** A stream of random numbers in [0, 1) (mulberry32): the same seed gives the same stream in every browser. */
export function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A stream of normal random numbers, mean 0 and deviation 1, by Box and Muller. */
export function normal(seed) {
  const random = uniform(seed);
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
