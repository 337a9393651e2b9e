"use strict";
// The report's behaviour. Everything shown is set as text, never as HTML: instructions may come from a model.

const data = window.REPORT;
const rows = data.columns.edit_id.map((_, row) => row);
const column = (name) => data.columns[name];
const byId = (id) => document.getElementById(id);

const state = { language: navigator.language.startsWith("zh") ? "zh" : "en", category: "", kind: "", verdict: "",
  check: "", text: "", sort: "", reversed: false, pair: "" };
let shown = rows;
let current = 0;
let reviews = null;
const word = (key) => WORDS[state.language][key] ?? key;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// --- what is shown ---

const kindOf = (row) => `${column("task")[row]}/${column("subtype")[row]}`;
const haystack = rows.map((row) => ["instruction_ch", "instruction_en", "edit_id", "sample_key", "source_path", "reason"]
  .map((name) => column(name)[row] ?? "").join("\n").toLowerCase());

function filtered() {
  const text = state.text.trim().toLowerCase();
  const hits = rows.filter((row) =>
    (!state.category || column("category")[row] === state.category)
    && (!state.kind || kindOf(row) === state.kind)
    && (!state.verdict || column("status")[row] === state.verdict)
    && (!state.check || data.failed[row].includes(state.check))
    && (!text || haystack[row].includes(text)));
  const values = data.scores[state.sort];
  if (values) {
    // What has no such score comes last, in either order.
    const sign = state.reversed ? -1 : 1;
    hits.sort((a, b) => (values[a] === null) - (values[b] === null) || sign * (values[a] - values[b]) || a - b);
  } else if (state.reversed) {
    hits.reverse();
  }
  return hits;
}

function refresh() {
  shown = filtered();
  current = Math.min(current, Math.max(0, shown.length - 1));
  byId("hits").textContent = word("hits")(shown.length, rows.length);
  byId("order").textContent = state.reversed ? "↓" : "↑";
  byId("grid").scrollTop = 0;
  drawCards();
  if (byId("histograms-panel").open) drawHistograms();
  keepAddress();
}

function keepAddress() {
  const kept = Object.entries(state).filter(([name, value]) => value && name !== "language");
  history.replaceState(null, "", "#" + new URLSearchParams([...kept, ["language", state.language]]));
}

// --- the grid: only the cards in sight exist ---

const CARD = { width: 230, height: 212, gap: 12 };

function layout() {
  const grid = byId("grid");
  const across = Math.max(1, Math.floor((grid.clientWidth - CARD.gap) / (CARD.width + CARD.gap)));
  const width = (grid.clientWidth - CARD.gap * (across + 1)) / across;
  return { grid, across, width, step: CARD.height + CARD.gap };
}

function drawCards() {
  const { grid, across, width, step } = layout();
  const holder = byId("cards");
  holder.style.height = `${Math.ceil(shown.length / across) * step + CARD.gap}px`;
  const first = Math.max(0, Math.floor(grid.scrollTop / step) - 1) * across;
  const last = Math.min(shown.length, (Math.ceil((grid.scrollTop + grid.clientHeight) / step) + 1) * across);
  const cards = [];
  for (let place = first; place < last; place++) {
    const card = cardOf(shown[place], place);
    card.style.left = `${CARD.gap + (place % across) * (width + CARD.gap)}px`;
    card.style.top = `${CARD.gap + Math.floor(place / across) * step}px`;
    card.style.width = `${width}px`;
    card.style.height = `${CARD.height}px`;
    cards.push(card);
  }
  if (!shown.length) cards.push(element("p", { className: "faint", textContent: word("none") }));
  holder.replaceChildren(...cards);
}

// A thumbnail holds source, result and mask side by side; the card shows the first two.
function cardOf(row, place) {
  const status = column("status")[row];
  const tile = element("div", { className: "tile" });
  tile.style.backgroundImage = `url("thumbs/${data.thumbs[row]}")`;
  tile.style.backgroundSize = "150% auto";
  tile.style.backgroundPosition = "left center";
  const label = column("sample_key")[row]?.slice(-5) ?? column("edit_id")[row].slice(0, 8);
  const verdict = element("span", { className: status, textContent: word(status) });
  const why = data.failed[row].join(", ") || (status === "rejected" ? column("reason")[row] : "");
  const card = element("button", { type: "button", className: "card", tabIndex: -1 }, tile,
    element("div", { className: "facts" },
      element("div", {}, verdict, ` ${column("subtype")[row]} ${label}`),
      element("div", { className: "faint", textContent: valueShown(row) ?? (why || instruction(row)) })));
  card.classList.toggle("current", place === current);
  card.dataset.row = row;
  card.addEventListener("click", () => { current = place; drawCards(); openDetail(); });
  return card;
}

const instruction = (row) => column(state.language === "zh" ? "instruction_ch" : "instruction_en")[row] ?? "";
const valueShown = (row) => data.scores[state.sort] ? `${state.sort} ${number(data.scores[state.sort][row])}` : null;
const number = (value) => value === null || value === undefined ? "–" : String(+(+value).toPrecision(4));

function moveTo(place) {
  current = Math.max(0, Math.min(shown.length - 1, place));
  const { grid, across, step } = layout();
  const top = Math.floor(current / across) * step;
  if (top < grid.scrollTop) grid.scrollTop = top;
  if (top + step + CARD.gap > grid.scrollTop + grid.clientHeight) grid.scrollTop = top + step + CARD.gap - grid.clientHeight;
  drawCards();
}

// --- one pair ---

function openDetail() {
  if (!shown.length) return;
  const row = shown[current];
  state.pair = column("sample_key")[row] ?? column("edit_id")[row];
  keepAddress();
  const dialog = byId("detail");
  const cut = dialog.querySelector("input[type=range]")?.value ?? "50";
  const [source, result, mask] = data.folders[row];
  const frame = element("div", { className: "frame" },
    element("img", { className: "before", src: source, alt: "source" }),
    element("img", { className: "after", src: result, alt: "result" }),
    ...(mask ? [element("img", { className: "mask", src: mask, alt: "mask" })] : []),
    element("div", { className: "edge" }));
  const slider = element("input", { type: "range", min: 0, max: 100, step: 1, value: cut, ariaLabel: "before / after" });
  const slide = () => frame.style.setProperty("--cut", `${slider.value}%`);
  slider.addEventListener("input", slide);
  frame.addEventListener("pointermove", (event) => {
    const box = frame.getBoundingClientRect();
    if (event.buttons) { slider.value = 100 * (event.clientX - box.left) / box.width; slide(); }
  });
  const toggle = (key, name) => {
    const button = element("button", { type: "button", textContent: word(key), ariaPressed: "false" });
    button.dataset.toggle = key;
    button.addEventListener("click", () => { button.ariaPressed = String(frame.classList.toggle(name)); });
    return button;
  };
  const step = (key, by) => {
    const button = element("button", { type: "button", textContent: by < 0 ? "←" : "→", title: word(key) });
    button.addEventListener("click", () => stepDetail(by));
    return button;
  };
  const close = element("button", { type: "button", textContent: "×", title: word("close") });
  close.addEventListener("click", () => dialog.close());
  dialog.replaceChildren(
    element("div", { className: "stage" }, frame, element("div", { className: "tools" }, step("previous", -1), slider,
      ...(mask ? [toggle("mask", "masked")] : []), toggle("difference", "difference"), step("next", 1), close)),
    sideOf(row));
  slide();
  if (!dialog.open) dialog.showModal();
  slider.focus();
}

function sideOf(row) {
  const status = column("status")[row];
  const [width, height] = data.sizes[row];
  const side = element("div", { className: "side" },
    element("h2", { textContent: column("sample_key")[row] ?? column("edit_id")[row] }),
    element("p", {}, element("span", { className: status, textContent: word(status) }),
      ` · ${kindOf(row)} · ${column("tier")[row]} · ${width}×${height}`));
  if (status === "rejected") {
    side.append(element("p", { className: "rejected reason",
      textContent: `${column("reason")[row]}: ${column("detail")[row] ?? ""}` }));
  }
  side.append(element("p", { textContent: column("instruction_ch")[row] ?? "", lang: "zh" }),
    element("p", { textContent: column("instruction_en")[row] ?? "", lang: "en" }),
    element("p", { className: "faint", textContent: `${word("source")}: ${column("source_path")[row] ?? ""}` }),
    element("p", { className: "faint", textContent: `${word("recipe")}: ${data.recipes[row] ?? ""}` }));
  if (reviews) side.append(reviewOf(row));
  side.append(scoreTable(row));
  return side;
}

function limitsOf(row) {
  return data.limits[`${column("category")[row]}/${column("tier")[row]}`] ?? [];
}

function scoreTable(row) {
  const limits = limitsOf(row);
  const body = element("tbody");
  for (const [name, values] of Object.entries(data.scores)) {
    const own = limits.filter(([, score]) => score === name);
    const line = element("tr", {}, element("td", { textContent: name }),
      element("td", { className: "number", textContent: number(values[row]) }),
      element("td", { className: "number faint",
        textContent: own.map(([, , least, limit]) => `${least ? "≥" : "≤"} ${number(limit)}`).join(" ") }));
    const value = values[row];
    line.classList.toggle("failed", value !== null
      && own.some(([, , least, limit]) => least ? value < limit : value > limit));
    body.append(line);
  }
  const head = ["score", "value", "limit"].map((key, place) =>
    element("th", { className: place ? "number" : "", textContent: word(key) }));
  return element("table", {}, element("thead", {}, element("tr", {}, ...head)), body);
}

function stepDetail(by) {
  moveTo(current + by);
  openDetail();
}

// --- human review, when the page is served ---

async function loadReviews() {
  if (!location.protocol.startsWith("http")) return;
  const answer = await fetch("/reviews").catch(() => null);
  if (answer?.ok) reviews = await answer.json();
}

function reviewOf(row) {
  const said = reviews[column("edit_id")[row]] ?? "clear";
  const buttons = ["accept", "reject", "clear"].map((verdict) => {
    const button = element("button", { type: "button", textContent: word(verdict), ariaPressed: String(said === verdict) });
    button.addEventListener("click", () => review(verdict));
    return button;
  });
  return element("div", {}, element("div", { className: "review" }, ...buttons),
    element("p", { className: "faint", textContent: word("review_note") }));
}

async function review(verdict) {
  const edit_id = column("edit_id")[shown[current]];
  const answer = await fetch("/reviews", { method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ edit_id, verdict, note: "" }) });
  if (answer.ok) { reviews = await answer.json(); openDetail(); } else alert((await answer.json()).detail);
}

// --- accounts and histograms ---

function table(names, records) {
  const numeric = (name) => records.every((record) => typeof record[name] === "number");
  const said = (value) => state.language === "zh" ? OUTCOMES_ZH[value] ?? value : value;
  return element("table", {},
    element("thead", {}, element("tr", {}, ...names.map((name) =>
      element("th", { className: numeric(name) ? "number" : "", textContent: word(name) })))),
    element("tbody", {}, ...records.map((record) => element("tr", {}, ...names.map((name) =>
      element("td", { className: numeric(name) ? "number" : "", textContent: said(record[name]) }))))));
}

function drawAccounts() {
  byId("survival").replaceChildren(table(
    ["category", "found", "accepted", "decomposed", "planned", "tries", "rendered", "finished", "published"], data.survival));
  byId("accounts").replaceChildren(table(["category", "outcome", "task", "reason", "sources"], data.accounts));
  byId("licences").replaceChildren(table(["category", "licence", "pairs"], data.licences));
}

const BINS = 40;

function drawHistograms() {
  byId("histograms").replaceChildren(...Object.keys(data.scores).map(histogram).filter(Boolean));
}

function histogram(name) {
  const values = shown.map((row) => data.scores[name][row]).filter((value) => value !== null);
  if (!values.length) return null;
  const limits = [...new Set(shown.flatMap((row) => limitsOf(row)).filter(([, score]) => score === name)
    .map(([, , , limit]) => limit))];
  let least = Infinity, most = -Infinity;
  for (const value of values.concat(limits)) { least = Math.min(least, value); most = Math.max(most, value); }
  const span = most - least || 1;
  const counts = new Array(BINS).fill(0);
  for (const value of values) counts[Math.min(BINS - 1, Math.floor((value - least) / span * BINS))]++;
  const highest = Math.max(...counts);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${BINS} 20`);
  svg.setAttribute("preserveAspectRatio", "none");
  const draw = (tag, attributes) => {
    const shape = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, value);
    svg.append(shape);
  };
  counts.forEach((count, bin) => {
    // A square root, so that a handful of outliers shows beside thousands.
    const height = 20 * Math.sqrt(count / highest);
    draw("rect", { class: "bar", x: bin, y: 20 - height, width: 0.9, height });
  });
  for (const limit of limits) {
    const x = (limit - least) / span * BINS;
    draw("line", { class: "limit", x1: x, x2: x, y1: 0, y2: 20, "vector-effect": "non-scaling-stroke" });
  }
  const button = element("button", { type: "button", className: "histogram", title: word("sort") }, name, svg,
    element("small", {}, element("span", { textContent: number(least) }), element("span", { textContent: number(most) })));
  button.addEventListener("click", () => {
    state.reversed = state.sort === name ? !state.reversed : false;
    state.sort = name;
    byId("filters").elements.sort.value = name;
    refresh();
  });
  return button;
}

// --- words, filters, keys ---

function fillSelect(name, values) {
  const select = byId("filters").elements[name];
  const first = name === "sort" ? word("natural") : word("all");
  select.replaceChildren(new Option(first, ""), ...values.map((value) => new Option(word(value), value)));
  select.value = state[name];
  if (select.selectedIndex < 0) { state[name] = ""; select.value = ""; }
}

function distinct(values) {
  return [...new Set(values)].sort();
}

function speak() {
  document.documentElement.lang = state.language;
  for (const told of document.querySelectorAll("[data-text]")) told.textContent = word(told.dataset.text);
  for (const told of document.querySelectorAll("[data-title]")) told.title = word(told.dataset.title);
  document.title = word("title");
  byId("language").textContent = word("switch");
  const good = column("status").filter((status) => status === "published").length;
  byId("totals").textContent = word("totals")(rows.length, good);
  fillSelect("category", distinct(column("category")));
  fillSelect("kind", distinct(rows.map(kindOf)));
  fillSelect("verdict", ["published", "rejected"]);
  fillSelect("check", distinct(data.failed.flat()));
  fillSelect("sort", Object.keys(data.scores));
  byId("filters").elements.text.value = state.text;
  const [title, ...lines] = word("help");
  byId("help").replaceChildren(element("h2", { textContent: title }),
    ...lines.map((line) => element("p", { textContent: line })));
  drawAccounts();
}

function setLanguage(language) {
  state.language = language;
  speak();
  refresh();
  if (byId("detail").open) openDetail();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const detail = byId("detail");
  const typing = event.target.matches("input[type=search], select");
  if (typing && !detail.open) return;
  const { across } = layout();
  const inDetail = {
    j: () => stepDetail(1), k: () => stepDetail(-1),
    m: () => detail.querySelector("[data-toggle=mask]")?.click(),
    d: () => detail.querySelector("[data-toggle=difference]").click(),
    ...(reviews ? { a: () => review("accept"), r: () => review("reject"), c: () => review("clear") } : {}),
  };
  const inGrid = {
    ArrowRight: () => moveTo(current + 1), ArrowLeft: () => moveTo(current - 1),
    ArrowDown: () => moveTo(current + across), ArrowUp: () => moveTo(current - across),
    Home: () => moveTo(0), End: () => moveTo(shown.length - 1), Enter: openDetail,
    j: () => moveTo(current + 1), k: () => moveTo(current - 1), "/": () => byId("filters").elements.text.focus(),
  };
  const always = { "?": () => byId("help").showModal(), l: () => setLanguage(state.language === "zh" ? "en" : "zh") };
  const act = { ...always, ...(detail.open ? inDetail : inGrid) }[event.key];
  const onButton = event.target.matches("button, summary") && !event.target.matches(".card");
  if (act && !(event.key === "Enter" && onButton)) { event.preventDefault(); act(); }
}

function openAsked() {
  const place = shown.findIndex((row) => [column("sample_key")[row], column("edit_id")[row]].includes(state.pair));
  if (place >= 0) { moveTo(place); openDetail(); }
}

function start() {
  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
    if (name in state) state[name] = name === "reversed" ? value === "true" : value;
  }
  if (!(state.language in WORDS)) state.language = "en";
  byId("filters").addEventListener("input", (event) => {
    if (event.target.name in state) { state[event.target.name] = event.target.value; current = 0; refresh(); }
  });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("order").addEventListener("click", () => { state.reversed = !state.reversed; refresh(); });
  byId("language").addEventListener("click", () => setLanguage(state.language === "zh" ? "en" : "zh"));
  byId("help-button").addEventListener("click", () => byId("help").showModal());
  byId("histograms-panel").addEventListener("toggle", (event) => { if (event.target.open) drawHistograms(); });
  byId("grid").addEventListener("scroll", () => requestAnimationFrame(drawCards), { passive: true });
  byId("detail").addEventListener("close", () => { state.pair = ""; keepAddress(); byId("grid").focus(); });
  window.addEventListener("resize", drawCards);
  document.addEventListener("keydown", onKey);
  speak();
  refresh();
  byId("grid").focus();
  loadReviews().then(openAsked);
}

start();
