// Shows what the gateway says. Names and titles only ever become text, never markup.
"use strict";

const $ = (id) => document.getElementById(id);
const keyboards = [];
const RETRY_MS = 2000;
const LOST_AFTER_MS = 4000;
const SURE_MS = 8000;
const TOAST_MS = 6000;

const panel = {
  state: null, // the last state the gateway sent
  screen: "starting",
  language: null, // chosen by hand; otherwise the gateway's
  chosen: new Map(), // job id to true or false, as the person tapped
  asking: null, // the job id whose deletion is being asked about
  busy: false, // a request is under way: a second tap does nothing
  leavesAt: null, // when the session ends, on this clock
  signingIn: false,
  source: null,
  lostTimer: null,
};

function language() {
  const wanted = panel.language || panel.state?.language || navigator.language.slice(0, 2);
  return wanted in WORDS ? wanted : "en";
}
const words = () => WORDS[language()];
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));

// --- talking to the gateway -------------------------------------------------------------------

async function post(path, body) {
  if (panel.busy) return { ok: false, silent: true };
  panel.busy = true;
  document.body.dataset.busy = "true";
  try {
    const answer = await fetch(`/terminal/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Terminal": "1" },
      body: JSON.stringify(body),
      credentials: "same-origin",
      signal: AbortSignal.timeout(15000),
    });
    const said = await answer.json().catch(() => ({}));
    const message = typeof said.message === "string" ? said.message : "";
    return { ok: answer.ok, message, refused: Object.values(said.refused || {}) };
  } catch {
    return { ok: false, message: words().failed };
  } finally {
    panel.busy = false;
    delete document.body.dataset.busy;
  }
}

function listen() {
  panel.source?.close();
  const source = new EventSource("/terminal/events");
  panel.source = source;
  source.onmessage = (event) => {
    heard();
    take(JSON.parse(event.data));
  };
  source.onopen = heard;
  source.onerror = () => {
    panel.lostTimer ??= setTimeout(lost, LOST_AFTER_MS);
    // A browser tries again by itself, except after an answer that is no event stream.
    if (source.readyState === EventSource.CLOSED) setTimeout(reconnect, RETRY_MS, source);
  };
}

async function reconnect(source) {
  if (panel.source !== source) return;
  const answer = await fetch("/terminal/events", { signal: AbortSignal.timeout(3000) }).catch(() => null);
  answer?.body?.cancel();
  if (answer && (answer.status === 401 || answer.status === 403)) {
    heard();
    // Asking again would only fill the audit: the next thing to happen here is pairing.
    take({ state: "unpaired" });
  } else {
    listen();
  }
}

function heard() {
  clearTimeout(panel.lostTimer);
  panel.lostTimer = null;
}

function lost() {
  panel.state = null;
  panel.chosen.clear();
  show("lost");
}

// --- what is on the screen --------------------------------------------------------------------

function take(state) {
  const before = panel.state;
  panel.state = state;
  panel.leavesAt = Number.isFinite(state.signs_out_in) ? Date.now() + state.signs_out_in * 1000 : null;
  if (state.state !== "session" || state.person?.display_name !== before?.person?.display_name) {
    panel.chosen.clear();
    panel.asking = null;
  }
  if (state.state !== "idle" && state.state !== "enrol") endSigningIn();
  show(state.state === "idle" && panel.signingIn ? "sign-in" : state.state);
}

function show(screen) {
  const changed = panel.screen !== screen;
  panel.screen = screen;
  document.body.dataset.screen = screen;
  for (const section of document.querySelectorAll("[data-screen]")) {
    if (section !== document.body) section.hidden = !section.dataset.screen.split(" ").includes(screen);
  }
  speak();
  draw();
  if (changed) announce();
  if (changed && screen === "unpaired") $("code").focus();
  if (changed && screen === "pin") askForPin();
  if (changed && (screen === "sign-in" || screen === "enrol")) $("username").focus();
}

function speak() {
  document.documentElement.lang = language();
  for (const element of document.querySelectorAll("[data-word]")) {
    element.textContent = words()[element.dataset.word];
  }
  const others = Object.keys(WORDS).filter((code) => code !== language());
  $("language").textContent = WORDS[others[0]].language_name;
  $("language").lang = others[0];
  keyboards.forEach((keys) => keys.draw());
}

function draw() {
  const state = panel.state || {};
  const printer = state.printer || {};
  const inTrouble = printer.status === "trouble" || printer.status === "unreachable";
  const trouble = inTrouble ? printer.says || words().trouble : "";
  const name = panel.screen === "session" || panel.screen === "printing" ? state.person?.display_name : "";
  $("hello").textContent = name
    ? fill(words().hello, { name })
    : panel.screen === "unpaired" ? words().title_unpaired
    // The keys leave no room for what is to be done, so it stands where the printer's name does.
    : panel.screen === "enrol" ? state.message || words().enrol : printer.name || "Spoolhouse";
  const says = inTrouble ? "" : printer.says || "";
  $("printer").textContent = [name ? printer.name : "", says].filter(Boolean).join(" · ");
  for (const id of ["idle-trouble", "session-trouble"]) {
    $(id).textContent = trouble;
    $(id).hidden = !trouble;
  }
  $("idle-note").textContent = state.message || words().tap_note;
  $("pin-message").textContent = state.message || words().pin;
  $("refused-message").textContent = state.message || words().refused;
  $("printing-message").textContent = state.message || words().printing;
  $("printing-note").textContent = trouble || words().printing_note;
  drawJobs(panel.screen === "session" ? state.jobs || [] : []);
  tick();
}

const isChosen = (job) => job.printable && (panel.chosen.get(job.id) ?? job.checked !== false);

function drawJobs(jobs) {
  const list = $("jobs");
  const focused = document.activeElement?.dataset?.focus;
  list.replaceChildren(...jobs.map(drawJob));
  list.hidden = jobs.length === 0;
  $("no-jobs").hidden = panel.screen !== "session" || jobs.length > 0;
  if (focused) list.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
  const chosen = jobs.filter(isChosen);
  $("print").hidden = jobs.length === 0;
  $("print").disabled = chosen.length === 0;
  $("print").textContent = printLabel(chosen);
  hint();
}

function printLabel(chosen) {
  if (chosen.length === 0) return words().print_none;
  const pages = chosen.every((job) => Number.isInteger(job.pages)) ? chosen.reduce((sum, job) => sum + job.pages, 0) : null;
  const jobs = chosen.length === 1 ? words().print_one : fill(words().print_many, { count: chosen.length });
  if (pages === null) return jobs;
  return `${jobs} · ${pages === 1 ? words().pages_one : fill(words().pages_many, { count: pages })}`;
}

function drawJob(job) {
  const row = document.createElement("li");
  row.className = "job";
  row.classList.toggle("off", !isChosen(job));
  row.classList.toggle("cannot", !job.printable);
  row.append(panel.asking === job.id ? question(job) : chooser(job), ...acts(job));
  return row;
}

function chooser(job) {
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = isChosen(job);
  box.disabled = !job.printable;
  box.dataset.focus = `choose-${job.id}`;
  box.addEventListener("change", () => {
    panel.chosen.set(job.id, box.checked);
    draw();
  });
  const text = document.createElement("span");
  text.className = "text";
  text.append(span("t", job.title), span("s", job.printable ? job.detail : job.why_not));
  label.append(box, span("tick", ""), text);
  return label;
}

function question(job) {
  const text = document.createElement("div");
  text.className = "text";
  text.append(span("t", words().sure), span("s", job.title));
  return text;
}

function acts(job) {
  if (panel.asking !== job.id) {
    return [act(words().remove, `ask-${job.id}`, () => ask(job), fill(words().remove_title, { title: job.title }))];
  }
  const remove = act(words().remove, `delete-${job.id}`, () => remove_job(job));
  remove.classList.add("danger");
  return [act(words().keep, `ask-${job.id}`, () => ask(null)), remove];
}

function act(label, focus, run, name) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "del";
  button.textContent = label;
  button.dataset.focus = focus;
  if (name) button.setAttribute("aria-label", name);
  button.addEventListener("click", run);
  return button;
}

function span(kind, text) {
  const element = document.createElement("span");
  element.className = kind;
  element.textContent = text || "";
  return element;
}

let sureTimer = null;
function ask(job) {
  clearTimeout(sureTimer);
  panel.asking = job?.id ?? null;
  if (job) sureTimer = setTimeout(ask, SURE_MS, null);
  draw();
}

async function remove_job(job) {
  panel.asking = null;
  const answer = await post("delete", { job_id: job.id });
  if (!answer.ok) toast(answer);
  draw();
}

function hint() {
  const list = $("jobs");
  const below = [...list.children].filter((row) => row.offsetTop + row.offsetHeight / 2 > list.scrollTop + list.clientHeight).length;
  list.dataset.more = below > 0 ? fill(words().more_below, { count: below }) : "";
}

function tick() {
  const left = panel.leavesAt === null || panel.screen !== "session" ? null : Math.max(0, Math.ceil((panel.leavesAt - Date.now()) / 1000));
  $("left").textContent = left === null ? "" : fill(words().signs_out, { seconds: left });
  $("left").classList.toggle("soon", left !== null && left <= 10);
}

function announce() {
  const spoken = document.querySelector(`section[data-screen~="${panel.screen}"] .big`)?.textContent;
  $("live").textContent = panel.screen === "session" ? `${$("hello").textContent}. ${$("print").textContent}` : spoken || $("hello").textContent;
}

let toastTimer = null;
function toast(answer) {
  if (answer.silent) return;
  clearTimeout(toastTimer);
  $("toast").textContent = answer.message || words().failed;
  $("toast").hidden = false;
  toastTimer = setTimeout(() => { $("toast").hidden = true; }, TOAST_MS);
}

function endSigningIn() {
  panel.signingIn = false;
  $("sign-in").reset();
  $("sign-in-error").textContent = "";
}

// --- what a person does -----------------------------------------------------------------------

async function pair(code) {
  const answer = await post("pair", { code, name: words().pair_name });
  if (answer.ok) {
    $("code").value = "";
    $("pair-error").textContent = "";
    listen();
  } else if (!answer.silent) {
    $("pair-error").textContent = answer.message || words().pair_failed;
  }
}

$("pair").addEventListener("submit", (event) => {
  event.preventDefault();
  pair($("code").value.trim());
});

$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const enrols = panel.screen === "enrol";
  const answer = await post("sign-in", { username: $("username").value, password: $("password").value });
  $("password").value = "";
  if (answer.ok && enrols && answer.message) toast(answer);
  if (!answer.ok && !answer.silent) $("sign-in-error").textContent = answer.message || words().sign_in_failed;
});

function askForPin() {
  $("pin").value = "";
  $("pin-error").textContent = "";
  $("pin").focus();
}

$("pin-entry").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await post("pin", { pin: $("pin").value });
  $("pin").value = "";
  if (!answer.ok && !answer.silent) $("pin-error").textContent = answer.message || words().failed;
});

$("pin-back").addEventListener("click", async () => {
  const answer = await post("sign-out", {});
  if (!answer.ok) toast(answer);
});

$("print").addEventListener("click", async () => {
  const job_ids = (panel.state?.jobs || []).filter(isChosen).map((job) => job.id);
  if (job_ids.length === 0) return;
  const answer = await post("release", { job_ids });
  if (!answer.ok) toast(answer);
  else if (answer.refused.length > 0) toast({ message: answer.refused[0] });
});

$("sign-out").addEventListener("click", async () => {
  const answer = await post("sign-out", {});
  if (!answer.ok) toast(answer);
});

$("by-name").addEventListener("click", () => {
  panel.signingIn = true;
  show("sign-in");
});

$("sign-in-back").addEventListener("click", async () => {
  endSigningIn();
  if (panel.state?.state !== "enrol") {
    show("idle");
    return;
  }
  const answer = await post("sign-out", {});
  if (!answer.ok) toast(answer);
});

$("language").addEventListener("click", () => {
  panel.language = $("language").lang;
  show(panel.screen);
});

$("jobs").addEventListener("scroll", hint, { passive: true });
document.addEventListener("contextmenu", (event) => event.preventDefault());
setInterval(tick, 500);

const fragment = new URLSearchParams(location.hash.slice(1)).get("pair");
if (fragment) {
  history.replaceState(null, "", location.pathname);
  $("code").value = fragment;
  pair(fragment);
}
speak();
keyboards.push(...[...document.querySelectorAll(".keys")].map((box) => new Keys(box, words)));
listen();
