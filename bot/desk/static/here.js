// Tells the desk that this page is open and used, which conversation it shows and whether someone types in it.
// Who does not report, or whose desk nobody has touched for a while, is given no new customers.
import { say } from "./forms.js";

const EVERY = 20000;
const TYPES = 8000; // a pause in writing this long is its end
let used = Date.now();
let typed = 0;
let told = false;

const content = () => document.getElementById("content");
const csrf = () => document.querySelector("input[name=csrf]")?.value || "";

function report() {
  const typing = Date.now() - typed < TYPES;
  told = typing;
  const body = new URLSearchParams({
    csrf: csrf(),
    idle: String(Math.floor((Date.now() - used) / 1000)),
    // a page in the background shows nothing to anybody
    open: document.hidden ? "" : content()?.dataset.open || "",
    typing: typing ? "1" : "",
  });
  fetch("/desk/here", { method: "POST", body, headers: { Accept: "application/json" } }).catch(() => {});
}

export function start() {
  const moved = () => {
    const away = Date.now() - used > 60000;
    used = Date.now();
    if (away) report();
  };
  for (const event of ["pointerdown", "pointermove", "keydown", "scroll"]) {
    document.addEventListener(event, moved, { passive: true, capture: true });
  }
  document.addEventListener("input", ({ target }) => {
    if (!target.matches("#reply, #note")) return;
    typed = Date.now();
    if (!told) report();
    clearTimeout(start.stops);
    start.stops = setTimeout(report, TYPES + 100);
  });
  document.addEventListener("visibilitychange", report);
  window.addEventListener("pagehide", () => {
    navigator.sendBeacon("/desk/away", new URLSearchParams({ csrf: csrf() }));
  });
  report();
  setInterval(report, EVERY);
  pause();
}

// Who believes to be paused and is not would be given customers.
async function post(address, body) {
  try {
    return await (await fetch(address, { method: "POST", body, headers: { Accept: "application/json" } })).json();
  } catch {
    return { ok: false, notice: document.body.dataset.unreached };
  }
}

function pause() {
  const form = document.getElementById("pause");
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form));
    const said = await post(form.action, body);
    if (!said.ok) return say(said.notice, true);
    const { paused } = said;
    const button = form.querySelector("button");
    form.elements.paused.value = paused ? "no" : "yes";
    button.setAttribute("aria-pressed", String(paused));
    button.textContent = paused ? button.dataset.paused : button.dataset.here;
  });
}
