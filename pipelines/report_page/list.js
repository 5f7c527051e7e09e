// The list of videos: filters, order, and which of them is open. Names reach the page as text only.

const held = (id) => JSON.parse(document.getElementById(id).textContent);
const byId = (id) => document.getElementById(id);
const rows = held("table").map(([video, name, person, exercises, repetitions, counts, score,
  remarks, date, status, seconds, link]) => ({video, name, person, exercises, repetitions, counts,
  score, remarks, date, status, seconds, link}));

// A new element: texts become text nodes, so that no name is ever read as HTML.
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made && name !== "list") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const isolated = (text) => element("bdi", {}, text);
const words = (name) => name.replaceAll("_", " ");
const short = (name) => name.split("/").pop();
const step = (score) => score === null || score === undefined ? "none" : `s${Math.min(4, Math.floor(score / 20))}`;
const whole = (value) => value === null || value === undefined ? "–" : String(Math.round(value));
const badge = (score) => element("span", {className: `badge ${step(score)}`}, whole(score));

function time(seconds) {
  const minutes = Math.floor(seconds / 60);
  return minutes ? `${minutes}:${String(Math.floor(seconds % 60)).padStart(2, "0")}` : `${Number.isInteger(seconds) ? seconds : seconds.toFixed(1)} s`;
}

const COLUMNS = [
  {key: "name", title: "video"},
  {key: "person", title: "person", number: true},
  {key: "exercises", title: "exercise"},
  {key: "repetitions", title: "repetitions", number: true},
  {key: "score", title: "score", number: true},
  {key: "remarks", title: "remarks", number: true},
  {key: "date", title: "date"},
  {key: "status", title: "status"},
];
const PAGE = 100;
let order = {key: null, down: false};
let shown = PAGE;
let chosen = rows;

function filters() {
  const form = new FormData(byId("filters"));
  const value = (name) => String(form.get(name) ?? "").trim();
  const score = (name, otherwise) => value(name) === "" ? otherwise : Number(value(name));
  return {
    text: value("text").toLowerCase(), exercise: value("exercise"), person: value("person"),
    status: value("status"), since: value("since"), until: value("until"),
    low: score("low", null), high: score("high", null),
  };
}

function passes(row, wanted) {
  const day = row.date.slice(0, 10);
  return (!wanted.text || row.name.toLowerCase().includes(wanted.text))
    && (!wanted.exercise || (row.exercises || "not known").split(", ").includes(wanted.exercise))
    && (!wanted.person || String(row.person) === wanted.person)
    && (!wanted.status || row.status === wanted.status)
    && (wanted.low === null || (row.score !== null && row.score >= wanted.low))
    && (wanted.high === null || (row.score !== null && row.score <= wanted.high))
    && (!wanted.since || day >= wanted.since) && (!wanted.until || day <= wanted.until);
}

// What is not known comes last, whichever way the order goes.
function compared(one, other, {key, down}) {
  const [a, b] = [one[key], other[key]];
  const none = (value) => value === null || value === "";
  if (none(a) || none(b)) return none(a) - none(b);
  const sign = down ? -1 : 1;
  return sign * (typeof a === "number" ? a - b : String(a).localeCompare(String(b)));
}

function choose() {
  const wanted = filters();
  chosen = rows.filter((row) => passes(row, wanted));
  if (order.key) chosen.sort((one, other) => compared(one, other, order));
  show();
}

function show() {
  const body = byId("list").tBodies[0];
  body.replaceChildren(...chosen.slice(0, shown).map(listRow));
  const videos = new Set(chosen.map((row) => row.video)).size;
  const repetitions = chosen.reduce((sum, row) => sum + row.repetitions, 0);
  byId("found").textContent = `${videos} of ${new Set(rows.map((row) => row.video)).size} videos, ${repetitions} repetitions`;
  byId("more").hidden = chosen.length <= shown;
}

function listRow(row) {
  const detailed = byId(`video-${row.video}`) !== null;
  const name = isolated(short(row.name));
  const title = detailed
    ? element("a", {href: `#video=${row.video}`, title: row.name}, name)
    : element("span", {title: row.name}, name);
  const counted = row.counts && row.counts !== `${row.repetitions} to ${row.repetitions}`;
  const count = counted
    ? [String(row.repetitions), element("small", {}, ` (${row.counts})`)] : [String(row.repetitions)];
  const exercise = row.exercises ? isolated(words(row.exercises))
    : row.repetitions ? element("em", {}, "not known") : "–";
  const state = row.status === "ok" ? "ok" : element("strong", {}, words(row.status));
  const cells = [title, row.person === null ? "–" : String(row.person + 1), exercise, element("span", {}, ...count), badge(row.score),
    row.remarks ? String(row.remarks) : "–", row.date.replace("T", " "), state];
  // The roles stay where a phone lays the rows out anew.
  return element("tr", {role: "row"}, ...cells.map((cell, index) => element(index ? "td" : "th", {
    className: COLUMNS[index].number ? "num" : "", role: index ? "cell" : "rowheader", ...(index ? {} : {scope: "row"})}, cell)));
}

function heading(column) {
  const button = element("button", {type: "button"}, column.title);
  const cell = element("th", {scope: "col", role: "columnheader", className: column.number ? "num" : ""}, button);
  button.addEventListener("click", () => {
    order = {key: column.key, down: order.key === column.key ? !order.down : false};
    for (const other of cell.parentElement.children) other.removeAttribute("aria-sort");
    cell.setAttribute("aria-sort", order.down ? "descending" : "ascending");
    choose();
  });
  return cell;
}

function offer(name, values, label = (value) => value) {
  byId("filters").elements[name].append(...[...values].sort().map((value) => element("option", {value}, label(value))));
}

function currentTheme() {
  const set = document.documentElement.dataset.theme;
  return set || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

function applyTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  byId("theme").textContent = currentTheme() === "dark" ? "Light" : "Dark";
  byId("theme").setAttribute("aria-label", `Switch to ${currentTheme() === "dark" ? "light" : "dark"} colours`);
  document.dispatchEvent(new Event("themechange"));
}

const remembered = {
  get theme() { try { return localStorage.getItem("repscore-theme"); } catch { return null; } },
  set theme(theme) { try { localStorage.setItem("repscore-theme", theme); } catch { /* a private window */ } },
};

byId("list").tHead.rows[0].append(...COLUMNS.map(heading));
offer("exercise", new Set(rows.filter((row) => row.repetitions).flatMap((row) => (row.exercises || "not known").split(", "))), words);
offer("person", new Set(rows.filter((row) => row.person !== null).map((row) => String(row.person))), (person) => String(Number(person) + 1));
offer("status", new Set(rows.map((row) => row.status)), words);
byId("filters").addEventListener("input", () => { shown = PAGE; choose(); });
byId("filters").addEventListener("reset", () => setTimeout(choose));
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("more").addEventListener("click", () => { shown += PAGE; show(); });
byId("theme").addEventListener("click", () => {
  remembered.theme = currentTheme() === "dark" ? "light" : "dark";
  applyTheme(remembered.theme || (currentTheme() === "dark" ? "light" : "dark"));
});
{
  const [detailed, videos] = held("count");
  byId("detailed").textContent = detailed === videos ? `all ${videos} videos` : `${detailed} of ${videos} videos`;
}
choose();
