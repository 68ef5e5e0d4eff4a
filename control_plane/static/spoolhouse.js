// The little that pages do by themselves. Without it they still work.
"use strict";

const etags = new Map(); // address of a live fragment to the ETag of what is shown

document.addEventListener("htmx:configRequest", (event) => {
  const known = etags.get(event.detail.path);
  if (known) event.detail.headers["If-None-Match"] = known;
});

document.addEventListener("htmx:beforeRequest", (event) => {
  const element = event.detail.elt;
  if (!element.matches("[data-live]")) return;
  // Nobody looks, or somebody is in the middle of something: leave the page as it is.
  if (document.hidden || element.querySelector("dialog[open], details.menu[open], input[type=checkbox]:checked") || writing(element)) event.preventDefault();
});

function writing(element) {
  const active = document.activeElement;
  return element.contains(active) && active.matches("input, select, textarea");
}

document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.elt.matches("[data-live]")) return;
  const answer = event.detail.xhr;
  const heard = answer && (answer.status === 200 || answer.status === 304);
  document.body.classList.toggle("stale-now", !heard);
  const line = document.getElementById("asof");
  if (!line) return;
  if (heard) {
    if (answer.getResponseHeader("ETag")) etags.set(event.detail.pathInfo.requestPath, answer.getResponseHeader("ETag"));
    line.textContent = answer.getResponseHeader("X-As-Of") || line.textContent;
  }
  document.getElementById("asof-live").hidden = !heard;
  document.getElementById("asof-lost").hidden = Boolean(heard);
  // Signed out elsewhere, or for too long: the page says so by leading to the door.
  if (answer && answer.status === 401) location.reload();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea, [contenteditable]")) return;
  const find = document.getElementById("find");
  if (!find) return;
  event.preventDefault();
  find.focus();
  find.select();
});

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-open], [data-close], [data-copy], [data-theme]");
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  if (!target) return;
  if (target.dataset.open) document.getElementById(target.dataset.open).showModal();
  else if ("close" in target.dataset) target.closest("dialog").close();
  else if (target.dataset.copy) copy(target);
  else if ("theme" in target.dataset) window.turnTheme();
});

async function copy(button) {
  const text = document.getElementById(button.dataset.copy).textContent.trim();
  await navigator.clipboard.writeText(text);
  const label = button.textContent;
  button.textContent = button.dataset.done;
  setTimeout(() => { button.textContent = label; }, 2500);
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-now]")) event.target.form.requestSubmit();
});

// A second click on a form that is on its way does nothing.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method.toLowerCase() !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "true";
  setTimeout(() => { delete form.dataset.sent; }, 4000);
});
window.addEventListener("pageshow", () => { for (const form of document.forms) delete form.dataset.sent; });

const menu = document.getElementById("side-menu");
if (menu) menu.open = window.matchMedia("(min-width: 821px)").matches;
