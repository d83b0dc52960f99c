// The search above the list: results while typing, without leaving the conversation that is open.
let timer = null;

export function start(refresh) {
  document.addEventListener("input", ({ target }) => {
    if (target.id !== "q") return;
    clearTimeout(timer);
    timer = setTimeout(() => ask(target.value.trim(), refresh), 250);
  });
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "find") return;
    event.preventDefault();
    clearTimeout(timer);
    ask(document.getElementById("q").value.trim(), refresh).then(first);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.id === "q" && event.key === "ArrowDown") {
      event.preventDefault();
      first();
    }
  });
}

function first() {
  document.querySelector("#rows a.row")?.focus();
}

function ask(query, refresh) {
  const address = new URL(location.href);
  if (query) address.searchParams.set("q", query);
  else address.searchParams.delete("q");
  address.searchParams.delete("after");
  history.replaceState(null, "", address);
  return refresh();
}
