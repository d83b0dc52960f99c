// The keyboard. Single keys work only outside of fields, and can be switched off (WCAG 2.1.4).
const $ = (selector) => document.querySelector(selector);
const dialog = $("#keys");
const on = $("#keys-on");

export function start(flip) {
  try {
    on.checked = localStorage.getItem("keys") !== "off";
    on.addEventListener("change", () => localStorage.setItem("keys", on.checked ? "on" : "off"));
  } catch {
    // a browser that keeps nothing: the keys stay on
  }
  document.addEventListener("click", ({ target }) => {
    if (target.closest("[data-show=keys]")) dialog.showModal();
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(target)) menu.open = false;
    }
  });
  const act = {
    j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1),
    t: () => $("#take")?.click(), r: () => $("#reply")?.focus(), n: () => unfold("#more-note"), p: flip,
    s: () => unfold("#more-pass"), q: () => unfold("#more-queue"), c: () => unfold("#more-close"),
    i: list, 1: () => $("#tab-waiting")?.click(), 2: () => $("#tab-mine").click(), 3: () => $("#tab-all")?.click(),
    4: () => $("#tab-closing")?.click(), "/": search,
    "?": () => dialog.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest("input, textarea, select, audio, video");
    if (event.key === "Escape") return leave(event.target);
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.form) {
      event.preventDefault();
      event.target.form.requestSubmit();
    }
    if (field || dialog.open || event.ctrlKey || event.metaKey || event.altKey || !on.checked) return;
    const arrow = event.key.startsWith("Arrow");
    // arrows scroll a conversation that has the focus; elsewhere they walk the list
    if (arrow && event.target.closest("#scroll, #card, summary")) return;
    if (act[event.key] && $("#content.desk")) {
      event.preventDefault();
      act[event.key]();
    }
  });
}

function step(by) {
  const rows = [...document.querySelectorAll("#rows a.row")].filter((row) => row.offsetParent);
  const here = document.activeElement.closest?.("a.row") || $("#rows a.row[aria-current]");
  const at = rows.indexOf(here);
  rows[at < 0 ? 0 : Math.min(Math.max(at + by, 0), rows.length - 1)]?.focus();
}

function list() {
  const row = $("#rows a.row[aria-current]") || $("#rows a.row");
  if (row?.offsetParent) row.focus();
  else $(".back")?.click();
}

function search() {
  const field = $("#q");
  if (!field?.offsetParent) return $(".back")?.click(); // the list is not on the screen
  field.focus();
  field.select();
}

function unfold(id) {
  const menu = $(id);
  if (!menu) return;
  menu.open = true;
  menu.querySelector("select, textarea, input:checked")?.focus();
}

function leave(from) {
  const menu = from.closest("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (from.matches("textarea, input")) from.blur();
}
