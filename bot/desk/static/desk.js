// The desk's page: everything works without this script too, except that it has to be reloaded by hand.
import * as bell from "./bell.js";
import * as find from "./find.js";
import * as forms from "./forms.js";
import * as here from "./here.js";
import * as keys from "./keys.js";
import * as live from "./live.js";

const content = document.getElementById("content");
const words = document.body.dataset;
const scroll = () => document.getElementById("scroll");
const below = () => document.getElementById("below");
document.body.classList.add("scripted");

function toEnd() {
  if (scroll()) scroll().scrollTop = scroll().scrollHeight;
}

// Whoever reads the last message still sees it when a hint, or a phone's keyboard, takes its place.
function stayAtEnd() {
  let atEnd = true;
  scroll().addEventListener("scroll", () => {
    atEnd = scroll().scrollHeight - scroll().scrollTop - scroll().clientHeight < 80;
    if (atEnd) below().hidden = true;
  });
  new ResizeObserver(() => atEnd && toEnd()).observe(scroll());
}

// The same rules as Words.span in words.py.
function span(milliseconds) {
  const minutes = Math.max(0, Math.floor(milliseconds / 60000));
  if (minutes < 1) return words.now;
  if (minutes < 60) return `${minutes} ${words.minute}`;
  if (minutes >= 1440) return `${Math.floor(minutes / 1440)} ${words.day}`;
  const rest = minutes < 600 && minutes % 60 ? ` ${String(minutes % 60).padStart(2, "0")}` : "";
  return `${Math.floor(minutes / 60)} ${words.hour}${rest}`;
}

function clocks() {
  for (const time of document.querySelectorAll("time[data-since], time[data-until]")) {
    const { since, until } = time.dataset;
    const text = span(since ? Date.now() - new Date(since) : new Date(until) - Date.now());
    if (time.textContent !== text) time.textContent = text;
  }
}

const title = document.title;
function headline() {
  const count = Number(content.dataset.waiting || 0) + Number(content.dataset.answer || 0);
  document.title = count ? `(${count}) ${title}` : title;
}

// A file that the platform no longer has: a word instead of a broken picture. Errors do not bubble: caught going down.
document.addEventListener("error", ({ target }) => {
  if (target.matches?.("[data-file]")) target.setAttribute("data-gone", "");
}, true);

for (const image of document.querySelectorAll("img[data-file]")) {
  if (image.complete && !image.naturalWidth) image.setAttribute("data-gone", ""); // failed before this script ran
}

function flip() {
  const flipped = content.classList.toggle("flipped");
  const button = document.getElementById("flip");
  button?.setAttribute("aria-expanded", String(flipped));
  if (button) button.textContent = flipped ? button.dataset.talk : button.dataset.card;
  if (!flipped) toEnd();
}

function show(id) {
  if (content.classList.contains("flipped")) flip();
  const message = document.getElementById(id);
  if (!message) return;
  document.querySelector(".message.shown")?.classList.remove("shown");
  message.classList.add("shown");
  message.scrollIntoView({ block: "center" });
  message.focus({ preventScroll: true });
}

function changed({ atEnd, more } = {}) {
  if (atEnd) toEnd();
  else if (more && below()) below().hidden = false;
  forms.restore();
  clocks();
  headline();
  bell.look();
}

here.start();
bell.choose();
keys.start(() => document.getElementById("flip") && flip());
const mended = content.classList.contains("desk") && !content.hasAttribute("data-still");
live.start(mended ? changed : null, bell.ask);
if (mended) bell.look();
else bell.ask();
if (content.classList.contains("desk")) {
  forms.restore();
  forms.watch(() => live.refresh(changed));
  find.start(() => live.refresh(changed));
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#m"]');
    if (link) {
      event.preventDefault();
      show(link.hash.slice(1));
    }
    if (event.target.closest("#flip")) flip();
    if (event.target.closest("#below")) toEnd();
  });
  if (scroll()) stayAtEnd();
  if (location.hash.startsWith("#m")) show(location.hash.slice(1));
  else toEnd();
  document.querySelector("#rows [aria-current]")?.scrollIntoView({ block: "nearest" });
  headline();
  setInterval(clocks, 15000);
  const address = new URL(location.href);
  if (address.searchParams.has("notice")) {
    address.searchParams.delete("notice");
    history.replaceState(null, "", address); // a reload must not say it again
  }
}
