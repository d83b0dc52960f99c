// A sound and the browser's own notification for a customer who is offered to this person: only if they asked for it.
const KEY = "bell";
let known = null;

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

// Called whenever the page was brought up to date: what is offered now and was not before?
export function look() {
  const rows = [...document.querySelectorAll("#rows a.row[data-offered]")];
  const now = new Set(rows.map((row) => row.id));
  const news = known && rows.filter((row) => !known.has(row.id));
  known = now;
  if (!news?.length || !wanted()) return;
  ring();
  if (document.hidden && "Notification" in window && Notification.permission === "granted") {
    for (const row of news) {
      // not what the customer wrote: a notification is read by whoever passes by
      const shown = new Notification(document.body.dataset.offered, { tag: row.id });
      shown.onclick = () => {
        window.focus();
        row.click();
      };
    }
  }
}
