// Shows what the reply that is being typed promises, so that it can be recorded with one click.
let timer = null;
let asked = null;
let seen = "";

const place = () => document.getElementById("promise");

export function typed(area) {
  clearTimeout(timer);
  if (!area.value.trim()) return clear();
  timer = setTimeout(() => ask(area), 400);
}

export function clear() {
  clearTimeout(timer);
  asked?.abort();
  seen = "";
  place()?.replaceChildren();
}

// A promise that was held: the question stays until it is answered or the words change.
// Words that were still on their way to be looked at must not put their hint in its place.
export function hold(html) {
  clearTimeout(timer);
  asked?.abort();
  seen = "";
  place().innerHTML = html;
  place().querySelector("button")?.focus();
}

async function ask(area) {
  asked?.abort();
  asked = new AbortController();
  const body = new URLSearchParams({ csrf: document.getElementById("content").dataset.csrf, text: area.value });
  try {
    const answer = await fetch(area.dataset.promise, { method: "POST", body, signal: asked.signal });
    if (!answer.ok || !place()) return;
    const html = await answer.text();
    if (html === seen) return; // the click that was made, and a time that was changed, stay
    seen = html;
    place().innerHTML = html;
  } catch {
    // no connection, or newer words: the reply is looked at again when it is sent
  }
}
