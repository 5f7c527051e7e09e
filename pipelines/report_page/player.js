// A repetition as a moving skeleton beside the expected one, in step with its phases.

const FACTS = held("page-facts");
const SVG = "http://www.w3.org/2000/svg";

function unpacked(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

// Packed values as numbers; null where there is none.
function numbers(text, low, scale) {
  return Array.from(unpacked(text), (value) => value === 255 ? null : low + value / scale);
}

// [step][joint] -> [x, y] in torso lengths, y down, or null.
function skeletonsOf(text) {
  const flat = numbers(text, -127 / FACTS.jointScale, FACTS.jointScale);
  const count = FACTS.joints.length;
  return Array.from({length: FACTS.steps}, (_, moment) => Array.from({length: count}, (_, joint) => {
    const place = 2 * (moment * count + joint);
    return flat[place] === null || flat[place + 1] === null ? null : [flat[place], flat[place + 1]];
  }));
}

function mirroredBodies(bodies) {
  return bodies.map((joints) => FACTS.mirror.map((joint) => joints[joint] && [-joints[joint][0], joints[joint][1]]));
}

const side = (joint) => FACTS.joints[joint].split("_")[0];

class Figure {
  constructor(svg) {
    this.svg = svg;
    this.lines = FACTS.bones.map(([, end]) => this.add("line", side(end)));
    this.dots = FACTS.joints.map((_, joint) => this.add("circle", side(joint), {r: joint === 0 ? 0.13 : 0.045}));
  }

  add(tag, name, attributes = {}) {
    const made = document.createElementNS(SVG, tag);
    made.setAttribute("class", ["left", "right"].includes(name) ? name : "middle");
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    this.svg.append(made);
    return made;
  }

  frame([x, y, width, height]) { this.svg.setAttribute("viewBox", `${x} ${y} ${width} ${height}`); }

  draw(joints) {
    const place = (made, shown, values) => {
      made.style.display = shown ? "" : "none";
      if (shown) for (const [key, value] of Object.entries(values())) made.setAttribute(key, value.toFixed(3));
    };
    FACTS.bones.forEach(([start, end], index) => {
      const [a, b] = [joints[start], joints[end]];
      place(this.lines[index], a && b, () => ({x1: a[0], y1: a[1], x2: b[0], y2: b[1]}));
    });
    joints.forEach((joint, index) => place(this.dots[index], joint, () => ({cx: joint[0], cy: joint[1]})));
  }
}

function extent(...bodies) {
  const points = bodies.flat(2).filter((joint) => joint);
  if (!points.length) return [-1, -1, 2, 2];
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const margin = 0.25;
  const [left, top] = [Math.min(...xs) - margin, Math.min(...ys) - margin];
  return [left, top, Math.max(...xs) + margin - left, Math.max(...ys) + margin - top];
}

// The skeleton between two stored instants.
function between(bodies, phase) {
  const at = Math.min(Math.max(phase, 0), 1) * (bodies.length - 1);
  const [low, high] = [Math.floor(at), Math.ceil(at)];
  return bodies[low].map((joint, index) => {
    const other = bodies[high][index];
    if (!joint || !other) return joint || other;
    return [0, 1].map((axis) => joint[axis] + (other[axis] - joint[axis]) * (at - low));
  });
}

class Player {
  constructor() {
    this.figures = [new Figure(byId("body")), new Figure(byId("expected"))];
    this.playing = false;
    this.position = 0;
    byId("play").addEventListener("click", () => this.playing ? this.pause() : this.start());
    byId("at").addEventListener("input", () => { this.pause(); this.show(byId("at").value / 1000); });
  }

  load(repetition, expected) {
    this.pause();
    this.repetition = repetition;
    this.own = repetition.pose ? skeletonsOf(repetition.pose) : null;
    const wanted = expected && skeletonsOf(expected);
    this.expected = wanted && repetition.mirrored ? mirroredBodies(wanted) : wanted;
    const frame = extent(this.own || [], this.expected || []);
    this.figures.forEach((figure) => figure.frame(frame));
    byId("player").hidden = !this.own;
    byId("expectation").hidden = !this.expected;
    this.show(0);
  }

  // The position is a share of the repetition's time; the way out and the way back have half of
  // the stored instants each.
  phase(position) {
    const {start_s: start, turn_s: turn, end_s: end} = this.repetition;
    const out = (turn - start) / (end - start);
    return position < out ? 0.5 * position / out : 0.5 + 0.5 * (position - out) / Math.max(1 - out, 1e-6);
  }

  show(position) {
    this.position = position;
    if (!this.own) return;
    const phase = this.phase(position);
    this.figures[0].draw(between(this.own, phase));
    if (this.expected) this.figures[1].draw(between(this.expected, phase));
    const {start_s: start, end_s: end} = this.repetition;
    byId("at").value = Math.round(1000 * position);
    byId("clock").textContent = `${(position * (end - start)).toFixed(1)} of ${(end - start).toFixed(1)} s`;
    byId("at").setAttribute("aria-valuetext", byId("clock").textContent);
  }

  start() {
    if (!this.own) return;
    this.playing = true;
    byId("play").textContent = "❚❚";
    byId("play").setAttribute("aria-label", "Pause");
    let before = performance.now();
    const turn = (now) => {
      if (!this.playing) return;
      const length = this.repetition.end_s - this.repetition.start_s;
      const next = this.position + Number(byId("speed").value) * (now - before) / 1000 / length;
      before = now;
      this.show(next % 1);
      requestAnimationFrame(turn);
    };
    requestAnimationFrame(turn);
  }

  pause() {
    this.playing = false;
    byId("play").textContent = "▶";
    byId("play").setAttribute("aria-label", "Play");
  }
}
