// One video: its motion over time, its sets, and the repetition that was chosen.

const player = new Player();
const footage = document.querySelector("#footage video");
let current = null;  // {row, data, charts, repetition}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const angles = (text) => numbers(text, 0, FACTS.angleScale);

function openVideo(number) {
  const stored = byId(`video-${number}`);
  const shownRows = rows.filter((row) => row.video === number);
  if (!stored || !shownRows.length) return closeVideo();
  closeCharts();
  const [row] = shownRows;
  current = {row, data: JSON.parse(stored.textContent), charts: [], repetition: null};
  byId("overview").hidden = byId("videos").hidden = true;
  byId("video").hidden = false;
  byId("repetition").hidden = true;
  byId("video-title").replaceChildren(isolated(short(row.name)));
  const facts = [row.date.replace("T", " "), row.status.replaceAll("_", " "), time(row.seconds)];
  const link = row.link && element("a", {href: row.link, target: "_blank", rel: "noopener"}, "open the video");
  byId("video-facts").replaceChildren(isolated(row.name), ` · ${facts.join(" · ")}`, ...(link ? [" · ", link] : []));
  const {missing, failures, signals, sets} = current.data;
  byId("video-missing").hidden = !missing;
  byId("video-missing").textContent = missing ? `No skeletons: ${missing}` : "";
  byId("video-failures").hidden = !failures.length;
  byId("video-failures").replaceChildren(...failures.map((failure) => element("li", {},
    element("strong", {}, failure.stage), " ", isolated(failure.message))));
  const people = [...new Set([...signals, ...sets].map((each) => each.person))].sort((a, b) => a - b);
  byId("people").replaceChildren(...(people.length ? people.map((person) => personPanel(person, people.length > 1))
    : [element("p", {className: "empty"}, "No repetitions.")]));
  drawCharts();
  const [first] = current.data.repetitions;
  if (first) chooseRepetition(first, false);
  window.scrollTo(0, 0);
  byId("video-title").focus({preventScroll: true});
}

function closeCharts() {
  if (current) for (const chart of current.charts) chart.destroy();
  if (current) current.charts = [];
  player.pause();
  footage.pause();
}

function closeVideo() {
  closeCharts();
  const was = current;
  current = null;
  byId("video").hidden = true;
  byId("overview").hidden = byId("videos").hidden = false;
  if (was) document.querySelector(`a[href="#video=${was.row.video}"]`)?.focus();
}

function personPanel(person, several) {
  const sets = current.data.sets.filter((set) => set.person === person);
  const title = several ? [element("h3", {}, `Person ${person + 1}`)] : [];
  const chart = element("div", {className: "chart signal", "data-person": String(person), role: "img",
    "aria-label": "Motion over time; the repetitions are listed below as buttons"});
  const signal = element("figure", {className: "panel"}, element("figcaption", {},
    element("h4", {}, "Motion over time"), element("p", {}, "Torso lengths along the main movement. Repetitions are coloured by score, sets are underlined. Drag to zoom, double click to see all.")), chart);
  return element("section", {}, ...title, signal, ...sets.map(setPanel));
}

function setPanel(set) {
  const number = current.data.sets.indexOf(set);
  const repetitions = current.data.repetitions.filter((each) => each.set === number);
  const count = set.count_low !== null && set.count_low !== set.count_high
    ? `${set.repetitions} repetitions (${set.count_low} to ${set.count_high}${set.unsure ? ", unsure" : ""})`
    : `${set.repetitions} repetition${set.repetitions === 1 ? "" : "s"}`;
  const facts = [count, `mean score ${whole(set.mean_score)}`, `${set.tempo_per_min.toFixed(1)} per minute`,
    ...(set.fatigue_slope === null ? [] : [`${set.fatigue_slope > 0 ? "+" : ""}${set.fatigue_slope.toFixed(1)} points per repetition`])];
  const buttons = repetitions.map((each) => repetitionButton(each));
  const row = element("div", {className: "repetitions", role: "group", "aria-label": "Repetitions of this set"}, ...buttons);
  row.addEventListener("keydown", (event) => {
    const move = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    const next = buttons[buttons.indexOf(document.activeElement) + move];
    if (move && next) { next.focus(); next.click(); event.preventDefault(); }
  });
  const parts = [element("h4", {}, `Set ${set.set_index + 1}: `, set.exercise ? isolated(words(set.exercise)) : element("em", {}, "exercise not known")),
    element("p", {}, facts.join(" · ")), row,
    element("p", {className: "note"}, "Number and score of each repetition; ! lies apart from the others.")];
  if (set.angle) parts.push(element("figure", {}, element("figcaption", {}, element("p", {},
    `Angle of the ${words(set.angle)} in degrees, all repetitions from start to end. The band holds 80 % of them, the thick line is the median.`)),
    element("div", {className: "chart fan", "data-set": String(number), role: "img",
      "aria-label": `Angle of the ${words(set.angle)} over all repetitions of the set; ${oddWords(repetitions)}`}),
    element("p", {className: "odd"}, oddWords(repetitions))));
  else parts.push(element("p", {className: "empty"}, "Too few repetitions of this set have keypoints: there is no median to compare with."));
  return element("div", {className: "panel set"}, ...parts);
}

function oddWords(repetitions) {
  const odd = repetitions.filter((each) => each.odd).map((each) => each.repetition + 1);
  if (!odd.length) return "No repetition lies apart from the others.";
  return `Repetition${odd.length > 1 ? "s" : ""} ${odd.join(", ")} ${odd.length > 1 ? "lie" : "lies"} apart from the others.`;
}

function repetitionButton(repetition) {
  const unseen = (text) => element("span", {className: "hidden"}, text);
  const score = repetition.score === null ? "–" : whole(repetition.score);
  const button = element("button", {type: "button", className: `repetition ${step(repetition.score)}`, "aria-pressed": "false"},
    unseen("Repetition "), element("b", {}, String(repetition.repetition + 1)), unseen(", score "),
    element("strong", {}, score), ...(repetition.odd ? [unseen(", lies apart"), element("span", {"aria-hidden": "true"}, "!")] : []));
  button.addEventListener("click", () => chooseRepetition(repetition, false));
  repetition.button = button;
  return button;
}

function chooseRepetition(repetition, jump) {
  if (current.repetition?.button) current.repetition.button.setAttribute("aria-pressed", "false");
  current.repetition = repetition;
  repetition.button?.setAttribute("aria-pressed", "true");
  const set = current.data.sets[repetition.set];
  byId("repetition").hidden = false;
  byId("repetition-title").replaceChildren(`Repetition ${repetition.repetition + 1} `, badge(repetition.score));
  player.load(repetition, set?.expected);
  byId("expected-is").textContent = set?.expected_is === "reference" ? "the reference" : "the set’s median";
  showFootage(repetition);
  showFacts(repetition);
  showApart(repetition, set);
  for (const chart of current.charts) chart.redraw(false);
  if (jump) byId("repetition").scrollIntoView({block: "nearest"});
}

function showFootage(repetition) {
  const {link} = current.row;
  byId("footage").hidden = !link;
  if (!link) return;
  const at = `${link}#t=${repetition.start_s}`;
  if (footage.dataset.link !== link) { footage.src = at; footage.dataset.link = link; } else footage.currentTime = repetition.start_s;
  byId("footage-note").replaceChildren(element("a", {href: at, target: "_blank", rel: "noopener"}, `Open the video at ${time(repetition.start_s)}`));
}

// While the video plays through the repetition, the skeleton goes along.
footage.addEventListener("play", () => {
  player.pause();
  const along = () => {
    if (footage.paused || !current?.repetition) return;
    const {start_s: start, end_s: end} = current.repetition;
    const position = (footage.currentTime - start) / (end - start);
    if (position >= 0 && position <= 1) player.show(position);
    requestAnimationFrame(along);
  };
  along();
});
footage.addEventListener("error", () => {
  byId("footage-note").append(" (this browser cannot play it here)");
});

function showFacts(repetition) {
  const number = (value, unit, digits = 1) => value === null ? null : `${value.toFixed(digits)}${unit}`;
  const score = repetition.score === null ? `none: ${repetition.unscorable_reason}`
    : `${whole(repetition.score)}${repetition.score_low === null ? "" : `, ${whole(repetition.score_low)} to ${whole(repetition.score_high)}`} (${repetition.score_kind})`;
  const facts = {
    score, "time": `${time(repetition.start_s)} to ${time(repetition.end_s)}`,
    "way out": number(repetition.out_s, " s"), "hold": number(repetition.hold_s, " s"), "way back": number(repetition.back_s, " s"),
    "range of motion": number(repetition.range_of_motion_deg, "°", 0),
    "symmetry": number(repetition.symmetry, "", 2), "view": repetition.view,
    "person seen": repetition.pose_coverage === null ? null : `${Math.round(100 * repetition.pose_coverage)} %`,
  };
  const known = Object.entries(facts).filter(([, value]) => value !== null);
  document.querySelector("#facts dl").replaceChildren(...known.map(([key, value]) =>
    element("div", {}, element("dt", {}, key), element("dd", {}, isolated(value)))));
  const remarks = repetition.remarks.map((remark) => {
    const text = [isolated(remark.message), element("small", {}, ` ${Math.abs(remark.deviation).toFixed(1)} tolerances`)];
    if (!current.row.link) return element("li", {}, ...text);
    const see = element("a", {href: `${current.row.link}#t=${remark.start_s}`, target: "_blank", rel: "noopener"}, `see ${time(remark.start_s)}`);
    return element("li", {}, ...text, " ", see);
  });
  byId("remarks").replaceChildren(...(remarks.length ? remarks : [element("li", {className: "empty"}, "none")]));
}

// Joints by parts of the repetition; a cell says its tolerances in a figure, not in colour alone.
function showApart(repetition, set) {
  byId("apart").hidden = !repetition.apart;
  if (!repetition.apart) return;
  const {bins, joints, windows} = FACTS;
  const apart = numbers(repetition.apart, 0, FACTS.deviationScale);
  const table = element("table", {className: "heat"});
  const names = {out: "way out", turn: "turn", back: "way back"};
  const head = element("tr", {}, element("th", {scope: "col"}, "joint"));
  for (const [name, [start, end]] of Object.entries(windows)) {
    const columns = Math.round(end * bins / 64) - Math.round(start * bins / 64);
    head.append(element("th", {scope: "colgroup", colSpan: columns}, names[name]));
  }
  head.append(element("th", {scope: "col"}, "most"));
  const lines = joints.map((joint, index) => {
    const values = apart.slice(index * bins, (index + 1) * bins);
    const known = values.filter((value) => value !== null);
    return {joint, values, most: known.length ? Math.max(...known) : null};
  }).filter((line) => line.most !== null).sort((a, b) => b.most - a.most);
  table.append(element("thead", {}, head), element("tbody", {}, ...lines.map(({joint, values, most}) =>
    element("tr", {}, element("th", {scope: "row"}, words(joint)),
      ...values.map((value, bin) => element("td", {className: `h${value === null ? "none" : Math.min(5, Math.floor(value))}`,
        title: `${words(joint)}, ${Math.round(100 * bin / bins)} %: ${value === null ? "not seen" : value.toFixed(1)}`},
      value !== null && value >= 1 ? String(Math.min(9, Math.floor(value))) : "")),
      element("td", {className: "num"}, most.toFixed(1))))));
  document.querySelector("#apart .scroll").replaceChildren(table);
}

function drawCharts() {
  for (const holder of document.querySelectorAll("#people .signal")) drawSignal(holder);
  for (const holder of document.querySelectorAll("#people .fan")) drawFan(holder);
}

function axes(format) {
  const line = {stroke: colour("quiet"), grid: {stroke: colour("line"), width: 1}, ticks: {show: false}, gap: 4, font: "12px system-ui, sans-serif"};
  return [{...line, size: 26, values: (_, splits) => splits.map(format)}, {...line, size: 44}];
}

function drawSignal(holder) {
  const person = Number(holder.dataset.person);
  const signal = current.data.signals.find((each) => each.person === person);
  const values = signal ? numbers(signal.values, signal.low, signal.scale) : [0, 0];
  const last = current.data.duration_s;
  const seconds = signal ? values.map((_, index) => index / FACTS.signalHz) : [0, last];
  const repetitions = current.data.repetitions.filter((each) => each.person === person);
  const marks = (chart) => {
    const {ctx, bbox} = chart;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const each of repetitions) {
      const [x, end] = [each.start_s, each.end_s].map((value) => chart.valToPos(value, "x", true));
      ctx.fillStyle = colour(`fill-${step(each.score)}`);
      ctx.fillRect(x + 1, bbox.top, end - x - 2, bbox.height);
      if (each === current.repetition) {
        ctx.strokeStyle = colour("accent");
        ctx.lineWidth = 2 * devicePixelRatio;
        ctx.strokeRect(x + 1, bbox.top + 1, end - x - 2, bbox.height - 2);
      }
    }
    ctx.fillStyle = colour("ink");
    for (const set of current.data.sets.filter((each) => each.person === person)) {
      const [x, end] = [set.start_s, set.end_s].map((value) => chart.valToPos(value, "x", true));
      ctx.fillRect(x, bbox.top + bbox.height - 4 * devicePixelRatio, end - x, 4 * devicePixelRatio);
    }
    ctx.restore();
  };
  const chart = new uPlot({
    width: holder.clientWidth, height: 200, legend: {show: false}, axes: axes((value) => time(value)),
    scales: {x: {time: false}}, cursor: {y: false},
    series: [{}, {stroke: colour("ink"), width: 1.5, points: {show: false}}],
    hooks: {drawClear: [marks]},
  }, [seconds, values], holder);
  chart.over.addEventListener("click", () => {
    const at = chart.posToVal(chart.cursor.left, "x");
    const found = repetitions.find((each) => each.start_s <= at && at < each.end_s);
    if (found) chooseRepetition(found, true);
  });
  current.charts.push(chart);
}

function drawFan(holder) {
  const number = Number(holder.dataset.set);
  const set = current.data.sets[number];
  const repetitions = current.data.repetitions.filter((each) => each.set === number && each.curve);
  const shares = Array.from({length: FACTS.steps}, (_, index) => 100 * index / FACTS.steps);
  const chosen = (each) => each === current.repetition;
  const series = repetitions.map((each) => ({
    stroke: () => chosen(each) ? colour("accent") : each.odd ? colour("warn") : colour("faint"),
    width: each.odd ? 2.5 : 1, points: {show: false},
  }));
  const plain = {points: {show: false}, stroke: "transparent"};
  current.charts.push(new uPlot({
    width: holder.clientWidth, height: 220, legend: {show: false}, axes: axes((value) => `${value} %`),
    scales: {x: {time: false}}, cursor: {show: false},
    series: [{}, plain, plain, ...series, {stroke: colour("ink"), width: 3, points: {show: false}}],
    bands: [{series: [1, 2], fill: colour("band")}],
    hooks: {draw: [(chart) => {
      // The chosen one lies above all others.
      const place = repetitions.findIndex(chosen);
      if (place < 0) return;
      const {ctx} = chart;
      ctx.save();
      ctx.strokeStyle = colour("accent");
      ctx.lineWidth = 3 * devicePixelRatio;
      ctx.beginPath();
      let drawing = false;
      angles(repetitions[place].curve).forEach((value, index) => {
        if (value === null) { drawing = false; return; }
        const point = [chart.valToPos(shares[index], "x", true), chart.valToPos(value, "y", true)];
        if (drawing) ctx.lineTo(...point); else ctx.moveTo(...point);
        drawing = true;
      });
      ctx.stroke();
      ctx.restore();
    }]},
  }, [shares, angles(set.high), angles(set.low), ...repetitions.map((each) => angles(each.curve)), angles(set.median)], holder));
}

function redrawn() {
  if (!current) return;
  for (const chart of current.charts) chart.destroy();
  current.charts = [];
  drawCharts();
}

function route() {
  const found = /^#video=(\d+)$/.exec(location.hash);
  if (found) openVideo(Number(found[1])); else if (current) closeVideo();
}

function beside(move) {
  const there = [...new Set(chosen.map((row) => row.video))].filter((video) => byId(`video-${video}`));
  const next = there[there.indexOf(current.row.video) + move];
  if (next !== undefined) location.hash = `#video=${next}`;
}

byId("back").addEventListener("click", () => { location.hash = "#videos"; });
byId("previous").addEventListener("click", () => beside(-1));
byId("next").addEventListener("click", () => beside(1));
addEventListener("hashchange", route);
let resized = null;
addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(redrawn, 150); });
document.addEventListener("themechange", redrawn);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => applyTheme(remembered.theme));
applyTheme(remembered.theme);
route();
