// Sends forms without leaving the page, keeps drafts, shows the customer that someone is typing.
import * as promise from "./promise.js";

const store = (key, value) => {
  try {
    if (value === undefined) return localStorage.getItem(key) || "";
    if (value) localStorage.setItem(key, value);
    else localStorage.removeItem(key);
  } catch {
    // a browser that keeps nothing: drafts then live as long as the page
  }
  return "";
};
const open = () => document.getElementById("content").dataset.open;
const draft = (form) => `draft:${open()}:${form.dataset.draft}`;
let typed = 0;

export function say(text, bad) {
  const notice = document.getElementById("notice");
  const line = document.createElement("p");
  line.className = bad ? "said bad" : "said";
  line.textContent = text;
  notice.replaceChildren(...(text ? [line] : []));
  if (text) setTimeout(() => line.remove(), 9000);
}

export function restore() {
  for (const form of document.querySelectorAll("form[data-draft]")) {
    const area = form.querySelector("textarea");
    if (!area.value) area.value = store(draft(form));
  }
}

export function watch(changed) {
  document.addEventListener("submit", (event) => {
    if (event.target.matches("form[data-send]")) {
      event.preventDefault();
      send(event.target, changed, event.submitter);
    }
  });
  document.addEventListener("input", ({ target }) => {
    const form = target.closest("form[data-draft]");
    if (form && target.matches("textarea")) store(draft(form), target.value);
    if (target.dataset.typing && target.value) typing(target.dataset.typing);
    if (target.dataset.promise) promise.typed(target);
  });
  document.addEventListener("change", ({ target }) => {
    if (target.id === "image") document.getElementById("image-name").value = target.files[0]?.name || "";
  });
}

async function send(form, changed, submitter) {
  const button = form.querySelector("button:not([type=button])");
  if (button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  // whoever takes a customer writes next
  const next = form.matches(".take") || form.contains(document.activeElement);
  try {
    const type = form.enctype === "multipart/form-data";
    const data = new FormData(form);
    if (submitter?.name) data.append(submitter.name, submitter.value);
    const body = type ? data : new URLSearchParams(data);
    const answer = await fetch(submitter?.getAttribute("formaction") || form.action, { method: "POST", body, headers: { Accept: "application/json" } });
    const said = await answer.json();
    say(said.notice, !said.ok);
    if (said.hint) promise.hold(said.hint);
    if (said.ok) sent(form, said);
    await changed();
    if (said.ok && next && !form.isConnected) document.getElementById("reply")?.focus();
  } catch {
    say(document.body.dataset.offline, true);
  } finally {
    button.ariaBusy = "false";
  }
}

function sent(form, said) {
  if (form.dataset.draft) {
    store(draft(form), null);
    form.reset();
    if (form.elements.once) form.elements.once.value = said.once;
    const name = form.querySelector("output");
    if (name) name.value = "";
    if (form.querySelector("#promise")) promise.clear();
  }
  form.closest("details.menu")?.removeAttribute("open");
  const scroll = document.getElementById("scroll");
  if (scroll) scroll.scrollTop = scroll.scrollHeight;
}

function typing(address) {
  if (Date.now() - typed < 4000) return;
  typed = Date.now();
  const body = new URLSearchParams({ csrf: document.getElementById("content").dataset.csrf });
  fetch(address, { method: "POST", body, headers: { Accept: "application/json" } }).catch(() => {});
}
