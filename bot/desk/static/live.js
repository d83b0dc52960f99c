// "Something is newer than N": asks for the page again and mends it in place. One tab of the browser listens for all
// of them, because a browser allows six connections to a server and an agent has more tabs than that.
// Every page listens, for one thing: the session was ended. Then nothing of the desk may stay on the screen.
import { morph } from "./morph.js";

const main = () => document.getElementById("content");
const channel = "BroadcastChannel" in window ? new BroadcastChannel("desk") : null;
let latest = Number(main().dataset.latest || 0);
let line = Promise.resolve();
let queued = null;
let timer = null;
let asked = 0;
let pace = 2000;

// `changed` is called when the page was mended; without it the page is not mended, and `mine` is called when something
// is new for this person.
export function start(changed, mine) {
  const heard = (news) => {
    const own = news.all || news.for.includes(Number(document.body.dataset.me));
    if (!changed) return own && mine();
    latest = Math.max(latest, news.last);
    pace = news.pace * 1000;
    if (news.moved && atOnce(news)) changed();
    if (own || news.in.includes(Number(main().dataset.open))) refresh(changed);
    else if (news.moved || news.in.some(listed)) soon(changed);
  };
  if (channel) channel.onmessage = (event) => (event.data.out ? over(event.data.out) : heard(event.data));
  const listen = () => {
    const source = new EventSource(`/desk/live?after=${latest}`);
    source.addEventListener("news", (event) => {
      const news = JSON.parse(event.data);
      channel?.postMessage(news);
      heard(news);
    });
    source.addEventListener("out", (event) => {
      const out = JSON.parse(event.data);
      source.close();
      channel?.postMessage({ out });
      over(out);
    });
    source.onerror = () => {
      // The browser gives up for good after an answer that is no stream: signed out, or the service restarts.
      const again = () => (changed ? refresh(changed) : ask(null).catch(() => {})).then(listen);
      if (source.readyState === EventSource.CLOSED) setTimeout(again, 5000);
    };
    return new Promise(() => {});
  };
  if (navigator.locks) navigator.locks.request("desk-live", listen);
  else listen();
  if (changed) document.addEventListener("visibilitychange", () => document.hidden || refresh(changed));
}

function listed(conversation) {
  return document.getElementById(`row-${conversation}`) || document.querySelector("#tab-all[aria-current]");
}

// What must not wait for the next mending: a customer who seems to be free and is gone, and how many wait.
function atOnce({ gone, waiting }) {
  const count = document.querySelector("#tab-waiting .count");
  if (!count) return false;
  count.textContent = main().dataset.waiting = waiting;
  count.classList.toggle("some", waiting > 0);
  const queue = document.querySelector("#tab-waiting[aria-current]") && !document.getElementById("found");
  if (queue) gone.forEach((conversation) => document.getElementById(`li-${conversation}`)?.remove());
  return true;
}

// The lists may lag a little: on a busy day many desks would otherwise ask for everything many times a second; and by
// chance, since all of them hear of it in the same moment, and would keep its agent waiting whom the case is for.
// The service says at what pace, because it knows how many desks are open.
function soon(changed) {
  timer ??= setTimeout(() => {
    timer = null;
    refresh(changed);
  }, Math.max(Math.random() * pace, asked + pace - Date.now()));
}

// Brings the page up to date; calls during one that is under way lead to one more after it.
export function refresh(changed) {
  queued ??= line = line.then(() => {
    queued = null;
    return ask(changed).catch(() => {});
  });
  return queued;
}

async function ask(changed) {
  const address = new URL(location.href);
  address.searchParams.delete("notice");
  asked = Date.now();
  const answer = await fetch(address, { method: changed ? "GET" : "HEAD", headers: { "Desk-Part": "yes" } });
  if (answer.status === 401) return over({ ended: answer.headers.has("Desk-Ended") });
  if (answer.status === 403) return location.replace("/desk"); // a case that is no longer for this person's eyes
  if (!answer.ok || !changed) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("content");
  if (!fresh) return;
  const scroll = document.getElementById("scroll");
  const atEnd = scroll && scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
  const before = document.querySelector("#timeline > :last-child")?.id;
  const state = main().classList.contains("flipped");
  morph(main(), fresh);
  main().classList.toggle("flipped", state);
  latest = Math.max(latest, Number(main().dataset.latest));
  const more = before !== document.querySelector("#timeline > :last-child")?.id;
  changed({ atEnd, more });
}

// `ended`: by somebody, not by time alone. `gone`: the person may not come in again, and leaves no drafts behind.
function over({ ended, gone }) {
  const back = encodeURIComponent(location.pathname + location.search);
  if (gone) Object.keys(localStorage).filter((key) => key.startsWith("draft:")).forEach((key) => localStorage.removeItem(key));
  if (ended) return location.replace(`/desk/login?ended=yes&next=${back}`);
  const notice = document.getElementById("notice");
  const told = document.createElement("p");
  const link = document.createElement("a");
  told.className = "said bad";
  told.textContent = document.body.dataset.over + " ";
  link.href = `/desk/login?next=${back}`;
  link.textContent = document.body.dataset.signIn;
  told.append(link);
  notice.replaceChildren(told);
}
