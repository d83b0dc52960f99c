// "Something is newer than N": asks for the page again and mends it in place. One tab of the browser listens for all
// of them, because a browser allows six connections to a server and an agent has more tabs than that.
import { morph } from "./morph.js";

const main = () => document.getElementById("content");
const channel = "BroadcastChannel" in window ? new BroadcastChannel("desk") : null;
let latest = Number(main().dataset.latest);
let line = Promise.resolve();
let queued = null;
let timer = null;
let asked = 0;

export function start(changed) {
  const heard = (news) => {
    latest = Math.max(latest, news.last);
    if (news.for.includes(Number(main().dataset.me)) || news.in.includes(Number(main().dataset.open))) refresh(changed);
    else if (news.moved || news.in.some(listed)) soon(changed);
  };
  if (channel) channel.onmessage = (event) => (event.data.out ? over() : heard(event.data));
  const listen = () => {
    const source = new EventSource(`/desk/live?after=${latest}`);
    source.addEventListener("news", (event) => {
      const news = JSON.parse(event.data);
      channel?.postMessage(news);
      heard(news);
    });
    source.addEventListener("out", () => {
      source.close();
      channel?.postMessage({ out: true });
      over();
    });
    source.onerror = () => {
      // The browser gives up for good after an answer that is no stream: signed out, or the service restarts.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => refresh(changed).then(listen), 5000);
    };
    return new Promise(() => {});
  };
  if (navigator.locks) navigator.locks.request("desk-live", listen);
  else listen();
  document.addEventListener("visibilitychange", () => document.hidden || refresh(changed));
}

function listed(conversation) {
  return document.getElementById(`row-${conversation}`) || document.querySelector("#tab-all[aria-current]");
}

// The lists may lag a little: on a busy day many desks would otherwise ask for everything many times a second.
function soon(changed) {
  timer ??= setTimeout(() => {
    timer = null;
    refresh(changed);
  }, Math.max(0, asked + 2000 - Date.now()));
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
  const answer = await fetch(address, { headers: { "Desk-Part": "yes" } });
  if (answer.status === 401) return over();
  if (!answer.ok) return;
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

function over() {
  const notice = document.getElementById("notice");
  const told = document.createElement("p");
  const link = document.createElement("a");
  told.className = "said bad";
  told.textContent = document.body.dataset.over + " ";
  link.href = `/desk/login?next=${encodeURIComponent(location.pathname + location.search)}`;
  link.textContent = document.body.dataset.signIn;
  told.append(link);
  notice.replaceChildren(told);
}
