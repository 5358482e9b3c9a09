"use strict";
/* The page of a plan: reads the tables inside it, walks the front, draws, and keeps the sliders together.
   All data of the batch is inserted as textContent or as an attribute's value, never as markup. */

// ---- numbers, written as the report writes them ----

/** US$ with five significant digits, with an exponent only where it would be very long. */
function usd(amount) {
  if (!Number.isFinite(amount) || amount === 0) return String(amount);
  const [mantissa, exponent] = Math.abs(amount).toExponential(14).split("e"); // 15 digits, rounded half to even:
  let head = BigInt(mantissa.replace(".", "")), power = Number(exponent) - 14;
  const rest = 2n * (head % 10n ** 10n);
  head /= 10n ** 10n;
  if (rest > 10n ** 10n || (rest === 10n ** 10n && head % 2n === 1n)) head += 1n;
  let digits = head.toString();
  power += 10;
  while (digits.endsWith("0")) { digits = digits.slice(0, -1); power++; }
  const sign = amount < 0 ? "-" : "", leading = power + digits.length - 1;
  if (leading < -8 || leading >= 13) {
    return `${sign}${digits[0]}${digits.length > 1 ? "." : ""}${digits.slice(1)}E${leading < 0 ? "" : "+"}${leading}`;
  }
  if (power >= 0) return sign + digits + "0".repeat(power);
  digits = digits.padStart(1 - power, "0");
  return `${sign}${digits.slice(0, power)}.${digits.slice(power)}`;
}

/** A share in per cent with two decimals, exact halves rounded to even. */
function percent(share) {
  const value = 100 * share, low = Math.floor(100 * value);
  const isHalf = 100 * value - low === 0.5 && (low + 0.5) / 100 === value && low % 2 === 0;
  return (isHalf ? low / 100 : value).toFixed(2) + "\u00a0%";
}

const count = (n) => n.toLocaleString("en-US");
const plural = (n, noun, nouns = noun + "s") => `${count(n)} ${n === 1 ? noun : nouns}`;

// ---- the tables inside the page ----

/** Unpack base64 of zlib; DecompressionStream is part of every browser since 2023. */
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Hands out the parts of a byte array one after another. */
class Reader {
  constructor(bytes) { this.bytes = bytes; this.at = 0; }
  take(n) { this.at += n; return this.bytes.slice(this.at - n, this.at); }
  array(Type, n) { return new Type(this.take(n * Type.BYTES_PER_ELEMENT).buffer); }
  /** Numbers that were stored plane by plane: the first byte of all, then the second. */
  planes(Type, n) {
    const width = Type.BYTES_PER_ELEMENT, planes = this.take(width * n), bytes = new Uint8Array(width * n);
    for (let k = 0; k < width; k++) for (let i = 0; i < n; i++) bytes[width * i + k] = planes[k * n + i];
    return new Type(bytes.buffer);
  }
}

function readCells(facts, reader) {
  const counts = reader.array(Uint16Array, facts.queries), first = new Uint32Array(facts.queries + 1);
  for (let i = 0; i < facts.queries; i++) first[i + 1] = first[i] + counts[i];
  const llm = reader.array(Uint16Array, facts.cells);
  const cost = Float64Array.from(reader.planes(facts.tables ? Float64Array : Float32Array, facts.cells));
  const accuracy = Float64Array.from(reader.planes(Uint32Array, facts.cells), (millionths) => millionths / 1e6);
  const ids = facts.id_bytes ? JSON.parse(new TextDecoder().decode(reader.take(facts.id_bytes))) : null;
  const group = facts.groups.length ? reader.array(Uint16Array, facts.queries) : null;
  return { facts, first, llm, cost, accuracy, ids, group };
}

const UP_TO = 1 + 1e-12; // a price and the largest that is the same: products of the same numbers in another order

// ---- fronts: cost, accuracy and price of the next correct answer at every point, and what stands behind a point ----

/** Sums of the first 0, 1, 2 ... terms, compensated for rounding (Neumaier), so that the last is as exact as the first. */
function runningSums(length, term) {
  const sums = new Float64Array(length);
  let total = 0, lost = 0;
  for (let k = 1; k < length; k++) {
    const value = term(k), grown = total + value;
    lost += total >= value ? total - grown + value : value - grown + total;
    total = grown;
    sums[k] = grown + lost;
  }
  return sums;
}

/** The exact front: all steps of all hulls by falling accuracy per US$, as SupportedFront walks them. */
class Walk {
  constructor(cells, factors) {
    this.cells = cells;
    this.price = Float64Array.from(cells.cost, (cost, cell) => cost * factors[cells.llm[cell]]);
    this.hulls();
    this.sort();
    const n = cells.facts.queries, { accuracy } = cells, { price, from, to } = this;
    this.length = this.order.length + 1;
    const start = (table) => runningSums(this.cheapest.length + 1, (k) => table[this.cheapest[k - 1]]).at(-1);
    const gained = (table) => runningSums(this.length, (k) => table[to[this.order[k - 1]]] - table[from[this.order[k - 1]]]);
    const [cheapest, worst] = [start(price), start(accuracy) / n];
    this.cost = gained(price).map((more) => cheapest + more);
    this.accuracy = gained(accuracy).map((more) => worst + more / n);
  }

  /** Per query the upper hull of cost and accuracy; its edges are the steps. The same sums in the same order as the
      kernel of the package does them, so that ties fall alike. */
  hulls() {
    const { first, accuracy, facts } = this.cells, price = this.price, most = price.length - facts.queries;
    this.cheapest = new Uint32Array(facts.queries);
    const [query, from, to] = [0, 1, 2].map(() => new Uint32Array(most)), hull = [], gain = [], sorted = [];
    const slope = (a, b) => (accuracy[b] - accuracy[a]) / (price[b] - price[a]);
    let nSteps = 0;
    for (let i = 0; i < facts.queries; i++) {
      const count = this.candidates(first[i], first[i + 1], slope, sorted);
      hull[0] = sorted[0];
      let n = 1;
      for (let s = 1; s < count; s++) { // Andrew's monotone chain
        const cell = sorted[s];
        if (n > 1 && price[cell] <= UP_TO * price[hull[n - 1]] && accuracy[cell] > accuracy[hull[n - 1]]) n--;
        if (accuracy[cell] <= accuracy[hull[n - 1]]) continue;
        while (n > 1 && slope(hull[n - 1], cell) >= gain[n - 1]) n--;
        gain[n] = slope(hull[n - 1], cell);
        hull[n++] = cell;
      }
      this.cheapest[i] = hull[0];
      for (let k = 1; k < n; k++, nSteps++) { query[nSteps] = i; from[nSteps] = hull[k - 1]; to[nSteps] = hull[k]; }
    }
    [this.query, this.from, this.to] = [query, from, to].map((steps) => steps.slice(0, nSteps));
  }

  /** Sort a query's cheapest cell, its most accurate one and those above the line between them by price; returns how many. */
  candidates(start, stop, slope, sorted) {
    const { accuracy } = this.cells, price = this.price;
    let lowest = Infinity, best = -Infinity, low = -1, high = -1;
    for (let cell = start; cell < stop; cell++) { lowest = Math.min(lowest, price[cell]); best = Math.max(best, accuracy[cell]); }
    for (let cell = start; cell < stop; cell++) {
      if (price[cell] <= UP_TO * lowest && (low < 0 || accuracy[cell] > accuracy[low])) low = cell;
      if (accuracy[cell] === best && (high < 0 || UP_TO * price[cell] < price[high])) high = cell;
    }
    sorted[0] = low;
    if (accuracy[low] === best) return 1;
    const chord = slope(low, high);
    let n = 1;
    for (let cell = start; cell < stop; cell++) {
      if (!(accuracy[cell] - accuracy[low] > chord * (price[cell] - price[low])) || !(UP_TO * price[cell] < price[high])) continue;
      let k = n++;
      for (; k > 1 && price[sorted[k - 1]] > UP_TO * price[cell]; k--) sorted[k] = sorted[k - 1];
      sorted[k] = cell;
    }
    sorted[n] = high;
    return n + 1;
  }

  sort() {
    const { accuracy } = this.cells;
    const efficiency = Float64Array.from(this.from, (from, step) => {
      const to = this.to[step];
      return (accuracy[to] - accuracy[from]) / (this.price[to] - this.price[from]);
    });
    this.order = Uint32Array.from(efficiency.keys()).sort((a, b) => efficiency[b] - efficiency[a] || a - b);
    this.usdPerCorrect = Float64Array.from(this.order, (step) => 1 / efficiency[step]);
  }

  /** US$ per expected correct answer of the step that leads on from a point, and of the one that led to it. */
  next(k) { return k < this.order.length ? this.usdPerCorrect[k] : NaN; }
  last(k) { return k > 0 ? this.usdPerCorrect[k - 1] : NaN; }

  /** (N,) cell of every query. */
  plan(k) {
    const chosen = this.cheapest.slice();
    for (let s = 0; s < k; s++) chosen[this.query[this.order[s]]] = this.to[this.order[s]];
    return chosen;
  }

  /** Queries, US$ and correct answers by LLM and by group. */
  sums(k) {
    const { facts, llm, accuracy, group } = this.cells, chosen = this.plan(k), price = this.price;
    const by = (n, of) => {
      const queries = new Float64Array(n), cost = new Float64Array(n), correct = new Float64Array(n);
      for (let i = 0; i < chosen.length; i++) {
        const cell = chosen[i], at = of(i, cell);
        queries[at]++; cost[at] += price[cell]; correct[at] += accuracy[cell];
      }
      return { queries, cost, correct };
    };
    return {
      byLlm: by(facts.llms.length, (i, cell) => llm[cell]),
      byGroup: group && by(facts.groups.length + 1, (i) => group[i]),
    };
  }

  /** The next steps from a point. */
  upgrades(k, n) {
    const { llm, accuracy } = this.cells, found = [];
    for (let s = k; s < Math.min(k + n, this.order.length); s++) {
      const step = this.order[s], from = this.from[step], to = this.to[step];
      found.push({
        query: this.query[step], from: llm[from], to: llm[to], cost: this.price[to] - this.price[from],
        accuracy: accuracy[to] - accuracy[from], usdPerCorrect: this.usdPerCorrect[s],
      });
    }
    return found;
  }
}

/** A front of given points: a thinned one, or what a search found. */
class Points {
  constructor(facts, reader) {
    const n = facts.points, m = facts.llms.length, g = facts.groups.length;
    const F = reader.array(Float64Array, 2 * n);
    this.facts = facts; this.length = n;
    this.cost = F.filter((_, k) => k % 2 === 0);
    this.accuracy = F.filter((_, k) => k % 2 === 1);
    const tables = (names, width) => Object.fromEntries(names.map((name) => [name, reader.array(Float64Array, n * width)]));
    this.perLlm = tables(["queries", "cost", "correct"], m);
    this.perGroup = tables(["cost", "correct"], g);
  }

  between(k) {
    const correct = (this.accuracy[k + 1] - this.accuracy[k]) * this.facts.queries;
    return (this.cost[k + 1] - this.cost[k]) / correct;
  }

  next(k) { return k < this.length - 1 ? this.between(k) : NaN; }
  last(k) { return k > 0 ? this.between(k - 1) : NaN; }

  sums(k) {
    const m = this.facts.llms.length, g = this.facts.groups.length;
    const at = (tables, width) => Object.fromEntries(Object.entries(tables).map(([name, table]) => [name, table.subarray(k * width, (k + 1) * width)]));
    return { byLlm: at(this.perLlm, m), byGroup: { queries: Float64Array.from(this.facts.sizes), ...at(this.perGroup, g) } };
  }
}

/** Number of leading values of a rising array that are no larger than a limit. */
function countUpTo(values, limit) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= limit) low = middle + 1; else high = middle;
  }
  return low;
}

const SLACK = 1e-12; // relative: a total summed in another order is still the same total
const withinBudget = (front, budget) => Math.max(0, countUpTo(front.cost, budget * (1 + SLACK)) - 1);
const atLeastAccuracy = (front, target) => Math.min(front.length - 1, countUpTo(front.accuracy, target - SLACK));

/** The point that is best if a correct answer is worth so many US$; of several the dearest. */
function atRate(front, usdPerCorrect, nQueries) {
  let best = 0, most = -Infinity;
  for (let k = 0; k < front.length; k++) {
    const worth = front.accuracy[k] * nQueries * usdPerCorrect - front.cost[k];
    if (worth >= most - SLACK * Math.abs(most)) { best = k; most = Math.max(most, worth); }
  }
  return best;
}

/** Without a chosen plan the page opens at the knee: the point farthest from the line between both ends. */
function knee(front) {
  const n = front.length - 1, dearest = front.cost[n] - front.cost[0] || 1, best = front.accuracy[n] - front.accuracy[0] || 1;
  let found = 0, farthest = -1;
  for (let k = 0; k <= n; k++) {
    const distance = (front.accuracy[k] - front.accuracy[0]) / best - (front.cost[k] - front.cost[0]) / dearest;
    if (distance > farthest) { farthest = distance; found = k; }
  }
  return found;
}

// ---- scales ----

/** Between two amounts, logarithmic if they are positive and far apart; to and from a share in [0, 1]. */
function scale(low, high, mayBeLog = true) {
  const isLog = mayBeLog && low > 0 && high / low > 15;
  const [a, b] = isLog ? [Math.log(low), Math.log(high)] : [low, high];
  return {
    isLog, low, high,
    share: (value) => (b > a ? ((isLog ? Math.log(Math.max(value, Number.MIN_VALUE)) : value) - a) / (b - a) : 0.5),
    value: (share) => (isLog ? Math.exp(a + share * (b - a)) : a + share * (b - a)),
  };
}

/** Round amounts that lie on a scale. */
function ticks(scale, n) {
  const found = [];
  if (scale.isLog) {
    const decades = Math.log10(scale.high / scale.low);
    const steps = decades > n ? [1] : decades > n / 3 ? [1, 3] : [1, 2, 5];
    for (let e = Math.floor(Math.log10(scale.low)); e <= Math.log10(scale.high); e++) {
      for (const step of steps) found.push(Number(`${step}e${e}`));
    }
  } else {
    const raw = (scale.high - scale.low) / n || 1, power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find((f) => f * power >= raw);
    for (let k = Math.ceil(scale.low / step); k * step <= scale.high; k++) found.push(Number((k * step).toPrecision(12)));
  }
  return found.filter((value) => value >= scale.low && value <= scale.high);
}

// ---- making elements ----

const byId = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  Object.assign(element, properties);
  element.append(...children);
  return element;
}

/** A name in its own direction of writing. */
const isolated = (name) => make("bdi", { textContent: name });

function svg(tag, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** A name for the picture: without its maker, then without its middle, where it is too long. */
function shortened(name, most) {
  if ([...name].length <= most) return name;
  const letters = [...(name.split("/").at(-1) || name)];
  return letters.length <= most ? letters.join("") : `${letters.slice(0, most / 2).join("")}…${letters.slice(1 - most / 2).join("")}`;
}

/** A row of a table: its heading, then cells; a number between 0 and 1 in `bar` becomes a bar. */
function row(table, heading, bar, ...cells) {
  const found = make("tr", {}, make("th", { scope: "row" }, heading)), titles = byId(table).tHead.rows[0].cells;
  if (bar !== null) {
    const drawn = make("div");
    drawn.style.width = `${100 * bar}%`;
    found.append(make("td", { className: "bar" }, drawn));
  }
  for (const cell of cells) {
    const made = cell instanceof Node ? make("td", { className: "words" }, cell) : make("td", { textContent: cell });
    made.dataset.title = titles[found.cells.length].textContent; // for narrow screens, where rows become lists
    found.append(made);
  }
  return found;
}

// ---- the picture ----

const MARGIN = { left: 52, right: 14, top: 12, bottom: 42 };
const NAMED = 12;

/** Draws the front; what moves with the slider is drawn by `move`. */
class Picture {
  constructor(element, page) { this.element = element; this.page = page; }

  draw() {
    const { facts, front } = this.page, n = front.length - 1;
    this.width = Math.max(280, this.element.parentElement.clientWidth);
    this.height = Math.round(Math.min(460, Math.max(280, this.width * 0.5)));
    const singles = this.page.singles();
    const plan = facts.plan && this.page.isAsPriced() ? facts.plan : null;
    const bound = facts.bound ?? [];
    const costs = [front.cost[0], front.cost[n], ...singles.map((s) => s.cost), ...bound.map((p) => p[0])];
    const heights = [front.accuracy[0], front.accuracy[n], ...singles.map((s) => s.accuracy), ...bound.map((p) => p[1])];
    if (plan) { costs.push(plan[0]); heights.push(plan[1], plan[2], plan[3]); }
    const positive = costs.filter((cost) => cost > 0);
    const [low, high] = [Math.min(...costs), Math.max(...costs)], isLog = low > 0 && high / low > 15;
    const pad = isLog ? (high / low) ** 0.04 : (high - low) * 0.04 || high * 0.1 || 1;
    this.x = scale(isLog ? low / pad : low - pad, isLog ? high * pad : high + pad, positive.length === costs.length);
    const [worst, best] = [Math.min(...heights), Math.max(...heights)], room = (best - worst) * 0.06 || 0.02;
    this.y = scale(worst - room, best + room, false);
    this.element.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.element.replaceChildren();
    this.axes();
    if (bound.length) this.line(bound.map(([cost, accuracy]) => this.at(cost, accuracy)), "curve");
    if (facts.mode === "cells" || facts.exact) this.line(this.thinned(), "curve");
    else for (let k = 0; k <= n; k++) this.element.append(svg("circle", { ...this.circle(front.cost[k], front.accuracy[k]), r: 2.5, class: "found" }));
    this.below = svg("polyline", { class: "here-line" });
    this.element.append(this.below);
    this.names(singles);
    if (plan) this.star(plan);
    this.here = svg("circle", { r: 7, class: "here" });
    this.element.append(this.here);
  }

  at(cost, accuracy) {
    const { left, right, top, bottom } = MARGIN;
    return [
      left + this.x.share(cost) * (this.width - left - right),
      this.height - bottom - this.y.share(accuracy) * (this.height - top - bottom),
    ];
  }

  circle(cost, accuracy) { const [cx, cy] = this.at(cost, accuracy); return { cx, cy }; }

  line(places, name) { this.element.append(svg("polyline", { points: places.map((p) => p.map((v) => v.toFixed(1)).join()).join(" "), class: name })); }

  /** Places of the front that are a pixel apart at the least. */
  thinned() {
    const { front } = this.page, places = [this.at(front.cost[0], front.accuracy[0])];
    for (let k = 1; k < front.length; k++) {
      const place = this.at(front.cost[k], front.accuracy[k]), [x, y] = places.at(-1);
      if (Math.abs(place[0] - x) + Math.abs(place[1] - y) >= 1 || k === front.length - 1) places.push(place);
    }
    return places;
  }

  axes() {
    const { left, right, top, bottom } = MARGIN, x1 = this.width - right, y1 = this.height - bottom;
    let end = -Infinity;
    for (const tick of ticks(this.x, this.width / 90)) {
      const [x] = this.at(tick, this.y.low), text = usd(tick), half = 4 * text.length;
      this.element.append(svg("line", { x1: x, x2: x, y1: top, y2: y1, class: "grid" }));
      if (x - half < end || x + half > this.width) continue;
      end = x + half + 8;
      this.element.append(svg("text", { x, y: y1 + 17, "text-anchor": "middle" }, text));
    }
    for (const tick of ticks(this.y, 5)) {
      const [, y] = this.at(this.x.low, tick);
      this.element.append(svg("line", { x1: left, x2: x1, y1: y, y2: y, class: "grid" }));
      this.element.append(svg("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, `${Number((100 * tick).toPrecision(6))} %`));
    }
    this.element.append(svg("line", { x1: left, x2: x1, y1, y2: y1, class: "axis" }), svg("line", { x1: left, x2: left, y1: top, y2: y1, class: "axis" }));
    this.element.append(svg("text", { x: (left + x1) / 2, y: this.height - 6, "text-anchor": "middle" }, "Total cost (US$)"));
  }

  /** Single LLMs as dots; names where there is room, the most accurate one's first, then those of the plan, then the nearest to the front. */
  names(singles) {
    const { front } = this.page, queries = this.page.sums().byLlm.queries;
    const gap = (s) => front.accuracy[withinBudget(front, s.cost)] - s.accuracy;
    const best = this.page.bestSingle();
    const order = singles.map((s) => ({ ...s, key: [s.llm === best?.llm ? 0 : 1, -queries[s.llm], gap(s)] }));
    order.sort((a, b) => a.key[0] - b.key[0] || a.key[1] - b.key[1] || a.key[2] - b.key[2]);
    const taken = this.thinned().filter((_, k) => k % 4 === 0).map(([x, y]) => [x - 1, y - 1, x + 1, y + 1]);
    for (const s of order) { const [x, y] = this.at(s.cost, s.accuracy); taken.push([x - 5, y - 5, x + 5, y + 5]); }
    order.forEach((s, place) => {
      const [x, y] = this.at(s.cost, s.accuracy), name = shortened(this.page.facts.llms[s.llm], this.width < 500 ? 20 : 28);
      const dot = svg("circle", { cx: x, cy: y, r: place < NAMED ? 5 : 3, class: place < NAMED ? "single" : "dot" });
      dot.append(svg("title", {}, `${this.page.facts.llms[s.llm]}: ${usd(s.cost)} US$, ${percent(s.accuracy)}`));
      this.below.after(dot); // each below those before it
      if (place >= NAMED) return;
      const text = svg("text", { class: "name" }, name);
      this.element.append(text);
      const w = text.getComputedTextLength(), places = [];
      for (const far of [0, 8, 18, 30]) places.push([x + 9, y + 4 + far], [x - 9 - w, y + 4 + far], [x - w / 2, y - 10 - far], [x - w / 2, y + 19 + far], [x + 9, y + 4 - far], [x - 9 - w, y + 4 - far]);
      const free = places.find(([left, base]) => {
        const box = [left - 2, base - 12, left + w + 2, base + 4];
        const inside = box[0] >= MARGIN.left && box[2] <= this.width && box[1] >= 0 && box[3] <= this.height - MARGIN.bottom;
        return inside && taken.every((t) => t[2] <= box[0] || t[0] >= box[2] || t[3] <= box[1] || t[1] >= box[3]);
      });
      if (!free) { text.remove(); return; }
      text.setAttribute("x", free[0]); text.setAttribute("y", free[1]);
      taken.push([free[0] - 2, free[1] - 12, free[0] + w + 2, free[1] + 4]);
    });
  }

  star([cost, accuracy, low, high]) {
    const [x, y] = this.at(cost, accuracy), points = [];
    if (high > low) {
      const [, y1] = this.at(cost, low), [, y2] = this.at(cost, high);
      this.element.append(svg("line", { x1: x, x2: x, y1, y2, class: "interval" }));
    }
    for (let k = 0; k < 10; k++) {
      const radius = k % 2 ? 4.5 : 11, angle = (Math.PI * (k - 2.5)) / 5;
      points.push(`${x + radius * Math.cos(angle)},${y + radius * Math.sin(angle)}`);
    }
    this.element.append(svg("polygon", { points: points.join(" "), class: "star" }));
  }

  move(k) {
    const { front } = this.page, [x, y] = this.at(front.cost[k], front.accuracy[k]);
    this.below.setAttribute("points", `${MARGIN.left},${y} ${x},${y} ${x},${this.height - MARGIN.bottom}`);
    this.here.setAttribute("cx", x);
    this.here.setAttribute("cy", y);
  }

  /** US$ at a place on the screen. */
  costAt(clientX) {
    const box = this.element.getBoundingClientRect(), x = ((clientX - box.left) / box.width) * this.width;
    return this.x.value((x - MARGIN.left) / (this.width - MARGIN.left - MARGIN.right));
  }
}

// ---- the page ----

const STOPS = 1000; // places of a slider
const MOST_ROWS = 15; // LLMs in the mix; the rest is one row

class Page {
  constructor(facts, reader) {
    this.facts = facts;
    this.factors = facts.llms.map(() => 1);
    this.cells = facts.mode === "cells" ? readCells(facts, reader) : null;
    this.front = this.cells ? new Walk(this.cells, this.factors) : new Points(facts, reader);
    this.picture = new Picture(byId("picture"), this);
    this.k = this.start();
    this.build();
    this.fromAddress();
  }

  isAsPriced() { return this.factors.every((factor) => factor === 1); }

  /** The point of the chosen plan: the nearest, as costs were rounded on their way into this page. */
  start() {
    if (!this.facts.plan) return knee(this.front);
    const cost = this.facts.plan[0], k = withinBudget(this.front, cost), next = Math.min(k + 1, this.front.length - 1);
    return Math.abs(this.front.cost[next] - cost) < Math.abs(this.front.cost[k] - cost) ? next : k;
  }

  sums() { return this.front.sums(this.k); }

  /** LLMs that may answer all queries: number, US$ and accuracy of each alone. */
  singles() {
    return this.facts.singles.flatMap((s, llm) => (s ? [{ llm, cost: s[0] * this.factors[llm], accuracy: s[1] }] : []));
  }

  bestSingle() {
    return this.singles().reduce((best, s) => (!best || s.accuracy > best.accuracy || (s.accuracy === best.accuracy && s.cost < best.cost) ? s : best), null);
  }

  /** What is there once: listeners, notes, price factors. */
  build() {
    const { facts } = this;
    for (const id of ["budget", "accuracy", "rate"]) byId(id).addEventListener("input", () => this.slide(id));
    byId("chosen").addEventListener("click", () => this.go(this.start()));
    byId("chosen").textContent = facts.plan ? "Back to the chosen plan" : "Back to the knee of the front";
    byId("csv").addEventListener("click", () => this.save());
    const drag = (event) => { if (event.buttons === 1) this.go(withinBudget(this.front, this.picture.costAt(event.clientX))); };
    this.picture.element.addEventListener("pointerdown", drag);
    this.picture.element.addEventListener("pointermove", drag);
    addEventListener("hashchange", () => this.fromAddress());
    let width = 0;
    new ResizeObserver(([entry]) => {
      if (Math.abs(entry.contentRect.width - width) < 1 || matchMedia("print").matches) return;
      width = entry.contentRect.width;
      this.redraw();
    }).observe(this.picture.element.parentElement);
    const notes = [];
    if (!this.cells) {
      byId("csv").hidden = true;
      notes.push(facts.exact
        ? `The batch is too large for every step to be in this page: it shows ${plural(this.front.length, "point")} of the exact front, without upgrades and CSV.`
        : `A search found these ${plural(this.front.length, "plan")}; the line bounds what any plan can reach. There are no upgrades and no CSV here.`);
    } else if (!this.cells.ids) notes.push("Query ids are too long for this page: queries are counted, the first row is 0.");
    if (this.cells && !facts.tables) notes.push("The tables are too large for this page, so prices can't be changed here.");
    byId("note").textContent = notes.join(" ");
    byId("note").hidden = !notes.length;
    byId("upgrades-section").hidden = !this.cells;
    byId("groups-section").hidden = !facts.groups.length;
    byId("prices-section").hidden = !facts.tables;
    byId("factors").open = facts.llms.length <= NAMED;
    if (!facts.tables) return;
    this.inputs = facts.llms.map((name, llm) => {
      const input = make("input", { type: "number", min: "0", step: "any", value: "1" });
      input.addEventListener("change", () => this.reprice(this.inputs.map((other, j) => (other.checkValidity() && other.value !== "" ? Number(other.value) : this.factors[j]))));
      byId("prices").append(make("label", {}, isolated(name), input));
      return input;
    });
    byId("prices").addEventListener("submit", (event) => event.preventDefault());
    byId("reset").addEventListener("click", () => this.reprice(facts.llms.map(() => 1)));
  }

  /** Walk again with factors on prices, and stay at the budget. */
  reprice(factors) {
    const budget = this.front.cost[this.k];
    this.factors = factors;
    this.inputs.forEach((input, llm) => { input.value = String(factors[llm]); });
    this.front = new Walk(this.cells, factors);
    this.k = withinBudget(this.front, budget);
    this.redraw();
  }

  redraw() {
    const { front } = this, n = front.length - 1, prices = [];
    for (let k = 0; k < n; k++) if (front.next(k) > 0) prices.push(front.next(k));
    this.scales = {
      budget: scale(front.cost[0], front.cost[n]),
      accuracy: scale(front.accuracy[0], front.accuracy[n], false),
      rate: scale(prices.reduce((a, b) => Math.min(a, b), Infinity), prices.reduce((a, b) => Math.max(a, b), 0)),
    };
    for (const id of ["budget", "accuracy", "rate"]) byId(id).disabled = n === 0;
    this.picture.draw();
    this.go(this.k);
  }

  /** One slider was moved; the others follow. */
  slide(id) {
    const share = Number(byId(id).value) / STOPS, value = this.scales[id].value(share);
    const { front } = this, last = front.length - 1;
    if (share === 1) this.go(last, id);
    else if (share === 0) this.go(0, id);
    else if (id === "budget") this.go(withinBudget(front, value), id);
    else if (id === "accuracy") this.go(atLeastAccuracy(front, value), id);
    else this.go(this.cells ? countUpTo(front.usdPerCorrect, value * (1 + SLACK)) : atRate(front, value, this.facts.queries), id);
  }

  /** Show point k; `moved` is the slider under the hand, which stays where it is. */
  go(k, moved) {
    this.k = k;
    const { front, facts } = this, paid = front.last(k);
    const values = { budget: front.cost[k], accuracy: front.accuracy[k], rate: paid };
    const words = { budget: `${usd(values.budget)} US$`, accuracy: percent(values.accuracy), rate: k ? `${usd(paid)} US$` : "nothing" };
    for (const [id, value] of Object.entries(values)) {
      const input = byId(id), share = Number.isNaN(value) ? 0 : k === front.length - 1 ? 1 : this.scales[id].share(value);
      if (id !== moved) input.value = String(Math.round(STOPS * Math.min(1, Math.max(0, share))));
      input.setAttribute("aria-valuetext", words[id]);
      document.querySelector(`output[for="${id}"]`).textContent = words[id];
    }
    this.picture.move(k);
    const { byLlm, byGroup } = this.sums();
    this.tellFacts(byLlm);
    this.tellMix(byLlm);
    if (facts.groups.length) this.tellGroups(byGroup);
    if (this.cells) this.tellUpgrades();
    clearTimeout(this.later);
    this.later = setTimeout(() => this.settle(words), 150);
    if (!byId("said").textContent) this.settle(words);
  }

  /** Once the slider rests: the sentence that is read aloud, and the address. */
  settle(words) {
    byId("said").textContent = `${words.budget} for ${words.accuracy} expected accuracy.`;
    history.replaceState(null, "", this.address());
  }

  tellFacts(byLlm) {
    const { front, k, facts } = this, best = this.bestSingle(), next = front.next(k), last = front.last(k);
    const used = byLlm.queries.filter((n) => n > 0).length;
    const entries = [
      ["Queries", `${count(facts.queries)} on ${used} of ${plural(facts.llms.length, "LLM")}`],
      ["Cost", `${usd(front.cost[k])} US$`],
      ["Expected accuracy", percent(front.accuracy[k])],
      ["One more correct", Number.isNaN(next) ? "not possible: no plan here is more accurate" : `costs ${usd(next)} US$ at the next ${this.cells ? "upgrade" : "point"}`],
      ["One fewer correct", Number.isNaN(last) ? "saves nothing: this is the cheapest plan" : `saves ${usd(last)} US$ at the ${this.cells ? "last upgrade" : "point before"}`],
    ];
    if (best) entries.push(["Best single LLM", [isolated(facts.llms[best.llm]), ` with ${percent(best.accuracy)} for ${usd(best.cost)} US$`]]);
    if (facts.plan && this.isAsPriced()) {
      const [cost, accuracy, low, high, corrected] = facts.plan, expected = percent(accuracy);
      const less = percent(corrected) === expected ? "" : ` by the predictions, ${percent(corrected)} corrected for overrated LLMs`;
      entries.push(["Chosen plan", `${usd(cost)} US$, ${expected}${less}` + (high > low ? `, 95\u00a0% interval ${percent(low)} to ${percent(high)}` : "")]);
    }
    byId("facts").replaceChildren(...entries.flatMap(([term, what]) => [make("dt", { textContent: term }), make("dd", {}, ...[what].flat())]));
    const marks = [this.cells || facts.exact ? "Line: the front" : "Line: the bound, small dots: plans found", "large dots: single LLMs", "circle: the plan at the slider"];
    if (facts.plan && this.isAsPriced()) marks.push("star: the chosen plan with its 95\u00a0% interval");
    byId("picture-text").textContent = `${marks.join("; ")}. Accuracy is the share of correct answers to expect. The front leads from ${usd(front.cost[0])} US$ and ${percent(front.accuracy[0])} to ${usd(front.cost[front.length - 1])} US$ and ${percent(front.accuracy[front.length - 1])}.`;
  }

  tellMix(byLlm) {
    const { facts } = this, order = [...facts.llms.keys()].filter((llm) => byLlm.queries[llm] > 0);
    order.sort((a, b) => byLlm.queries[b] - byLlm.queries[a] || a - b);
    const tell = (name, llms) => {
      const [n, cost, correct] = [byLlm.queries, byLlm.cost, byLlm.correct].map((values) => llms.reduce((sum, llm) => sum + values[llm], 0));
      const share = n / facts.queries;
      return row("mix", name, share, count(n), percent(share), usd(cost), percent(correct / n));
    };
    const shown = order.length > MOST_ROWS ? order.slice(0, MOST_ROWS - 1) : order, rest = order.slice(shown.length);
    const rows = shown.map((llm) => tell(isolated(facts.llms[llm]), [llm]));
    byId("mix").tBodies[0].replaceChildren(...rows, ...(rest.length ? [tell(`${rest.length} others`, rest)] : []));
  }

  tellGroups(byGroup) {
    byId("groups").tBodies[0].replaceChildren(...this.facts.groups.map((name, g) => {
      const n = byGroup.queries[g], accuracy = byGroup.correct[g] / n;
      return row("groups", isolated(name), accuracy, count(n), usd(byGroup.cost[g]), percent(accuracy));
    }));
  }

  tellUpgrades() {
    const rows = this.front.upgrades(this.k, 10).map((u) => row(
      "upgrades", isolated(this.idOf(u.query)), null, isolated(this.facts.llms[u.from]), isolated(this.facts.llms[u.to]),
      usd(u.cost), percent(u.accuracy), usd(u.usdPerCorrect),
    ));
    const none = make("tr", {}, make("td", { colSpan: 6, className: "words", textContent: "None: this is the most accurate plan." }));
    byId("upgrades").tBodies[0].replaceChildren(...(rows.length ? rows : [none]));
  }

  idOf(query) { return this.cells.ids ? this.cells.ids[query] : String(query); }

  /** The plan at the slider: a row per query. */
  csv() {
    const { llm, accuracy } = this.cells, quoted = (text) => (/[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const lines = [`${this.cells.ids ? "query_id" : "row"},llm,cost_usd,accuracy`];
    this.front.plan(this.k).forEach((cell, query) => {
      const cost = Number(this.front.price[cell].toPrecision(7));
      lines.push(`${quoted(this.idOf(query))},${quoted(this.facts.llms[llm[cell]])},${cost},${accuracy[cell]}`);
    });
    return lines.join("\n") + "\n";
  }

  save() {
    const link = make("a", { href: URL.createObjectURL(new Blob([this.csv()], { type: "text/csv" })), download: "plan-at-slider.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  /** The state as the part of the address after #. */
  address() {
    const changed = this.factors.flatMap((factor, llm) => (factor === 1 ? [] : [`${llm}:${factor}`]));
    return `#budget=${Number(this.front.cost[this.k].toPrecision(12))}` + (changed.length ? `&prices=${changed.join()}` : "");
  }

  fromAddress() {
    const given = new URLSearchParams(location.hash.slice(1)), factors = this.facts.llms.map(() => 1);
    for (const part of (given.get("prices") ?? "").split(",")) {
      const [llm, factor] = part.split(":");
      if (/^\d+$/.test(llm) && Number(llm) < factors.length && Number(factor) >= 0 && Number.isFinite(Number(factor))) factors[llm] = Number(factor);
    }
    if (this.inputs && factors.some((factor, llm) => factor !== this.factors[llm])) this.reprice(factors);
    const budget = Number(given.get("budget"));
    if (given.has("budget") && Number.isFinite(budget)) this.k = withinBudget(this.front, budget * (1 + 1e-11));
    this.redraw();
  }
}

unpacked(byId("tables").textContent).then((bytes) => {
  window.page = new Page(JSON.parse(byId("facts-of-batch").textContent), new Reader(bytes));
});
