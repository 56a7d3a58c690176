// The review page: one call at a time. The server knows the calls and keeps the verdicts; here is only what is being looked at.
const $ = id => document.getElementById(id);
const MIN_COLUMNS = 21, MAX_COLUMNS = 201, FEW_ROWS = 40, MANY_ROWS = 300, MOST_SHIFT = 2000;
const state = {call: null, reviewer: "", tags: new Set(), track: "", columns: 81, rows: FEW_ROWS, shift: 0, ahead: null, turn: 0};

const stored = (name, value) => {
  try {
    if (value === undefined) return localStorage.getItem(`vcffilter-review-${name}`);
    localStorage.setItem(`vcffilter-review-${name}`, value);
  } catch { /* a browser that keeps nothing: it is asked again */ }
  return null;
};
const say = text => { $("said").textContent = text; };
const element = (tag, text, attributes = {}) => Object.assign(document.createElement(tag), {textContent: text}, attributes);

async function ask(path, body) {
  const options = body === undefined ? {} :
    {method: "POST", headers: {"content-type": "application/json"}, body: JSON.stringify(body)};
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer. Verdicts given so far are kept; start it again and go on.");
  }
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    throw new Error(typeof told.detail === "string" ? told.detail : `The server refused it (${answer.status}).`);
  }
  return answer;
}
const asked = async (path, body) => (await ask(path, body)).json();
const guarded = work => async (...given) => {
  try { await work(...given); } catch (error) { say(error.message); }
};

function wanted(changes = {}) {
  const values = new URLSearchParams(new FormData($("filters")));
  values.set("reviewer", state.reviewer);
  for (const [name, value] of Object.entries(changes)) values.set(name, value);
  return values;
}

async function step(forward, after = state.call?.number) {
  const values = wanted({forward});
  if (after !== undefined && after !== null) values.set("after", after);
  return (await asked(`/api/next?${values}`)).number;
}

async function go(number) {
  if (number === null) {
    if (state.call === null) { $("nothing").hidden = false; $("shown").hidden = $("judge").hidden = true; }
    else say("There is no further call of those asked for.");
    return;
  }
  const turn = ++state.turn;
  const call = state.ahead?.number === number ? await state.ahead.call : await asked(callPath(number));
  if (turn !== state.turn) return;
  $("nothing").hidden = true;
  $("shown").hidden = $("judge").hidden = false;
  Object.assign(state, {call, shift: 0, track: call.track, tags: new Set(call.own?.tags ?? [])});
  history.replaceState(null, "", `?call=${number}`);
  showCall();
  await Promise.all([draw(turn), showProgress()]);
  lookAhead(number);
}
const callPath = number => `/api/calls/${number}?${new URLSearchParams({reviewer: state.reviewer})}`;

// The next call and its picture are asked for while this one is looked at.
async function lookAhead(number) {
  try {
    const next = await step(true, number);
    if (next === null || state.call.number !== number) return;
    const ahead = {number: next, call: asked(callPath(next)), path: "", picture: null};
    ahead.call.catch(() => { if (state.ahead === ahead) state.ahead = null; });
    state.ahead = ahead;
    ahead.path = picturePath(next, (await ahead.call).track);
    ahead.picture = textOf(ahead.path);
    ahead.picture.catch(() => { ahead.path = ""; });
  } catch { state.ahead = null; }
}
const textOf = async path => (await ask(path)).text();

function showCall() {
  const {call} = state;
  document.title = `${call.place} – review`;
  $("place").textContent = call.place;
  $("verdict-of-filter").textContent = call.verdict === "passes" ? "✔ passes the filter" :
    call.verdict === "fails" ? "✖ fails the filter" : call.verdict;
  $("facts").replaceChildren(...call.facts.map(([name, value]) => {
    const row = document.createElement("tr");
    row.append(element("th", name, {scope: "row"}), element("td", value));
    return row;
  }));
  const item = text => element("li", text);
  $("reasons").replaceChildren(...(call.reasons.length ? call.reasons.map(reason =>
    item(`${reason.word}: ${reason.meaning}${reason.tags ? ` (tags ${reason.tags})` : ""}`)) : [item("none given")]));
  $("neighbours").replaceChildren(...(call.neighbours.length ? call.neighbours.map(other => {
    const line = item("");
    const button = element("button", `${other.distance >= 0 ? "+" : "−"}${Math.abs(other.distance)} ${other.place}`, {type: "button"});
    button.addEventListener("click", guarded(() => go(other.number)));
    line.append(button, ` ${other.verdict}`);
    return line;
  }) : [item("none")]));
  $("given").replaceChildren(...(call.n_hidden ? [item(`${call.n_hidden} judged it; shown once you have`)] :
    call.others.length ? call.others.map(given =>
      item(`${given.reviewer}: ${given.verdict}${given.tags.length ? ` (${given.tags.join(", ")})` : ""}${given.note ? `: ${given.note}` : ""}`)) : [item("none")]));
  $("note").value = call.own?.note ?? "";
  for (const button of document.querySelectorAll("[data-verdict]")) press(button, button.dataset.verdict === call.own?.verdict);
  showTags();
  const several = call.tracks.length > 1;
  $("track-label").hidden = $("others").hidden = !several;
  $("track").replaceChildren(...call.tracks.map(name => element("option", name, {value: name, selected: name === state.track})));
}
const press = (button, on) => button.setAttribute("aria-pressed", String(on));

function showTags() {
  for (const button of document.querySelectorAll("[data-tag]")) press(button, state.tags.has(button.dataset.tag));
  $("tags-said").textContent = [...state.tags].join(", ") || "none";
}

async function showProgress() {
  const {wanted: n, judged, calls} = await asked(`/api/count?${wanted()}`);
  $("progress").textContent = `${judged.toLocaleString("en")} judged by you of ${calls.toLocaleString("en")}; ${n.toLocaleString("en")} asked for`;
}

const picturePath = (number, track, more = {}) =>
  `/api/calls/${number}/picture?${new URLSearchParams({track, columns: state.columns, rows: state.rows, ...more})}`;

async function svgOf(path) {
  const text = await (state.ahead?.path === path ? state.ahead.picture : textOf(path));
  return document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true);
}

async function draw(turn = ++state.turn) {
  const {call, track, shift} = state;
  $("picture").classList.add("waits");
  try {
    const svg = await svgOf(picturePath(call.number, track, shift ? {shift} : {}));
    if (turn !== state.turn) return;
    $("picture").replaceChildren(svg);
    centre();
  } catch (error) {
    if (turn === state.turn) $("picture").replaceChildren(element("p", error.message));
  } finally {
    if (turn === state.turn) $("picture").classList.remove("waits");
  }
  await drawOthers(turn);
}

// Where the picture is wider than its frame the call is in the middle.
function centre() {
  const frame = $("picture");
  frame.scrollLeft = Math.max(0, (frame.scrollWidth - frame.clientWidth) / 2);
}

async function drawOthers(turn) {
  const box = $("other-pictures"), on = $("others").getAttribute("aria-pressed") === "true" && !$("others").hidden;
  box.hidden = !on;
  box.replaceChildren();
  if (!on) return;
  for (const name of state.call.tracks.filter(name => name !== state.track)) {
    const frame = element("div", "", {className: "picture", tabIndex: 0});
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", `Reads of ${name}`);
    box.append(element("h3", name), frame);
    try {
      frame.append(await svgOf(picturePath(state.call.number, name, {rows: 15, ...(state.shift ? {shift: state.shift} : {})})));
    } catch (error) { frame.append(element("p", error.message)); }
    if (turn !== state.turn) return;
  }
}

const give = guarded(async word => {
  if (state.call === null) return;
  if (!state.reviewer) { askName(); return; }
  const {number, place} = state.call;
  await asked(`/api/calls/${number}/verdict`,
    {reviewer: state.reviewer, verdict: word, tags: [...state.tags], note: $("note").value});
  say(`${place}: ${word}. z takes it back.`);
  if (!$("go-on").checked) { await go(number); return; }
  // What is judged may no longer be among the wanted calls: the next is asked for by its place behind this one.
  const next = await step(true, number);
  if (next === null) { await go(number); say(`${place}: ${word}. It was the last of those asked for.`); } else await go(next);
});

const undo = guarded(async () => {
  const {number, place} = await asked("/api/undo", {reviewer: state.reviewer});
  state.ahead = null;
  if (number === null && !place) { say("There is nothing to take back."); return; }
  if (number !== null) await go(number);
  say(`The verdict on ${place} was taken back.`);
});

function zoom(step) {
  state.columns = Math.min(Math.max(state.columns + step, MIN_COLUMNS), MAX_COLUMNS);
  return draw();
}
function pan(direction) {
  const moved = state.shift + direction * Math.max(Math.round(state.columns / 2), 10);
  if (Math.abs(moved) > MOST_SHIFT) { say(`Reads are shown up to ${MOST_SHIFT.toLocaleString("en")} bases from the call.`); return null; }
  state.shift = moved;
  return draw();
}
function nextTrack() {
  const names = state.call?.tracks ?? [];
  if (names.length < 2) return null;
  state.track = names[(names.indexOf(state.track) + 1) % names.length];
  $("track").value = state.track;
  return draw();
}
function toggle(button) {
  press(button, button.getAttribute("aria-pressed") !== "true");
  return button.getAttribute("aria-pressed") === "true";
}

function askName() {
  $("name").value = state.reviewer;
  $("ask-name").showModal();
}
function named(name) {
  state.reviewer = name.trim();
  state.ahead = null;
  stored("name", state.reviewer);
  $("who-name").textContent = state.reviewer || "?";
}

function filtersSaid() {
  const form = $("filters"), chosen = [...form.querySelectorAll("select")].filter(field => field.value && field.name !== "order");
  const said = chosen.map(field => field.selectedOptions[0].textContent).join(", ") || "all";
  $("filters-said").textContent = `${said}, ${form.elements.order.selectedOptions[0].textContent}`;
  stored("filters", new URLSearchParams(new FormData(form)).toString());
}
const refilter = guarded(async () => {
  filtersSaid();
  state.ahead = null;
  const first = await step(true, null);
  if (first === null) { state.call = null; await showProgress(); }
  await go(first);
});

const click = id => () => $(id).click();
const others = {
  x: () => nextTrack(), n: () => { $("tags-fold").open = true; $("note").focus(); },
  "/": () => { $("search").elements.place.focus(); $("search").elements.place.select(); },
  l: () => { $("filters-fold").open = true; $("filters").elements.order.focus(); },
  m: () => { const field = $("filters").elements.review; field.value = field.value === "open" ? "" : "open"; return refilter(); },
  "=": click("narrower"),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const field = event.target.closest("input, textarea, select");
  if (event.key === "Escape" && field) { field.blur(); $("call").focus(); return; }
  if (field || !$("keys-on").checked) return;
  // Arrows move a frame that has the focus, as they do everywhere.
  const button = [...document.querySelectorAll("[data-key]")].find(button => button.dataset.key === event.key && !button.hidden);
  const work = button ? () => button.click() : others[event.key];
  if (!work) return;
  event.preventDefault();
  guarded(async () => work())();
}

function bind() {
  $("previous").addEventListener("click", guarded(async () => go(await step(false))));
  $("next").addEventListener("click", guarded(async () => go(await step(true))));
  $("undo").addEventListener("click", undo);
  $("left").addEventListener("click", () => pan(-1));
  $("right").addEventListener("click", () => pan(1));
  $("home").addEventListener("click", () => { state.shift = 0; return draw(); });
  $("narrower").addEventListener("click", () => zoom(-20));
  $("wider").addEventListener("click", () => zoom(20));
  $("rows").addEventListener("click", () => { state.rows = toggle($("rows")) ? MANY_ROWS : FEW_ROWS; return draw(); });
  $("others").addEventListener("click", () => { toggle($("others")); return draw(); });
  $("track").addEventListener("change", () => { state.track = $("track").value; return draw(); });
  for (const button of document.querySelectorAll("[data-verdict]")) button.addEventListener("click", () => give(button.dataset.verdict));
  for (const button of document.querySelectorAll("[data-tag]")) {
    button.addEventListener("click", () => {
      const {tag} = button.dataset;
      if (!state.tags.delete(tag)) state.tags.add(tag);
      showTags();
    });
  }
  $("filters").addEventListener("change", refilter);
  $("filters").addEventListener("submit", event => event.preventDefault());
  $("search").addEventListener("submit", event => {
    event.preventDefault();
    guarded(async () => {
      const place = event.target.elements.place.value.trim();
      const {number} = await asked(`/api/find?${new URLSearchParams({place})}`);
      await go(number);
      say(state.call.place.startsWith(place.replaceAll(",", "")) ? "" : `No call is at ${place}; this is the nearest.`);
      $("call").focus();
    })();
  });
  $("who").addEventListener("click", askName);
  $("help-button").addEventListener("click", () => $("help").showModal());
  $("ask-name").addEventListener("close", guarded(async () => {
    named($("name").value);
    if (state.reviewer) await begin();
  }));
  for (const id of ["keys-on", "go-on"]) {
    $(id).checked = stored(id) !== "no";
    $(id).addEventListener("change", () => stored(id, $(id).checked ? "yes" : "no"));
  }
  document.addEventListener("keydown", onKey);
}

async function begin() {
  const asks = new URLSearchParams(location.search).get("call");
  const number = state.call?.number ?? (asks && /^\d+$/.test(asks) ? Number(asks) : null);
  await go(number ?? await step(true, null));
}

function start() {
  for (const [name, value] of new URLSearchParams(stored("filters") ?? "review=open")) {
    const field = $("filters").elements[name];
    if (field && [...field.options].some(option => option.value === value)) field.value = value;
  }
  filtersSaid();
  // As many bases as the frame has room for; numbers beside the reads take the rest.
  const room = Math.floor((Math.min(innerWidth, 1900) - (innerWidth > 960 ? 590 : 260)) / 9);
  state.columns = Math.min(Math.max(room - (room + 1) % 2, 31), 121);
  bind();
  named(document.body.dataset.reviewer || stored("name") || "");
  if (state.reviewer) guarded(begin)(); else askName();
}
start();
