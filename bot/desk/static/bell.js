// A sound and the browser's own notification for a customer who comes to this person (offered, passed on,
// or their help is asked): only if they asked for it.
const KEY = "bell";
const KNOWN = "offers"; // of this tab: what it has already rung for, also on the page before

const wanted = () => {
  try {
    return localStorage.getItem(KEY) === "yes";
  } catch {
    return false;
  }
};

// The switch on one's own page. The browser asks for leave only after a click.
export function choose() {
  const box = document.getElementById("bell");
  if (!box) return;
  box.checked = wanted();
  box.addEventListener("change", async () => {
    localStorage.setItem(KEY, box.checked ? "yes" : "no");
    if (!box.checked) return;
    ring();
    ask();
    if ("Notification" in window) await Notification.requestPermission();
  });
}

function ring() {
  const audio = new AudioContext();
  for (const [at, tone] of [[0, 660], [0.16, 880]]) {
    const sound = audio.createOscillator();
    const volume = audio.createGain();
    sound.frequency.value = tone;
    volume.gain.setValueAtTime(0.12, audio.currentTime + at);
    volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + at + 0.35);
    sound.connect(volume).connect(audio.destination);
    sound.start(audio.currentTime + at);
    sound.stop(audio.currentTime + at + 0.4);
  }
  setTimeout(() => audio.close(), 1200);
}

// Called whenever the page was brought up to date: who has come now and was not here before?
export function look(page = document.getElementById("content")) {
  const now = (page.dataset.offers || "").split(" ").filter(Boolean);
  const known = kept() ?? now;
  const news = now.filter((one) => !known.includes(one));
  keep(now);
  if (!news.length || !wanted()) return;
  ring();
  if (document.hidden && "Notification" in window && Notification.permission === "granted") {
    for (const one of news) {
      // not what the customer wrote: a notification is read by whoever passes by
      const shown = new Notification(document.body.dataset.offered, { tag: `row-${one}` });
      shown.onclick = () => {
        window.focus();
        location.assign(`/desk/c/${one}`);
      };
    }
  }
}

// On a page that has no lists, or shows an old part of them.
export async function ask() {
  if (!wanted()) return;
  const answer = await fetch("/desk", { headers: { "Desk-Part": "yes" } }).catch(() => null);
  if (!answer?.ok) return; // signed out: the live stream says so
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("content");
  if (fresh) look(fresh);
}

// null: this tab has not looked yet, and what is there already is no news
function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KNOWN));
  } catch {
    return null;
  }
}

function keep(offers) {
  try {
    sessionStorage.setItem(KNOWN, JSON.stringify(offers));
  } catch {
    // a browser that keeps nothing cannot tell what is new: it stays silent
  }
}
