// Keeps the page current: asks every second whether it has changed, while somebody
// looks, and swaps the content in. Without this script the page reloads itself.
"use strict";

let tag = null;
let shown = document.getElementById("live").innerHTML;

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.pathname, {cache: "no-cache"});
  if (!answer.ok || answer.headers.get("ETag") === tag) return;
  tag = answer.headers.get("ETag");
  const next = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
  if (next.innerHTML === shown) return; // swapping would load the frames anew
  shown = next.innerHTML;
  const live = document.getElementById("live");
  for (const open of live.querySelectorAll("details[open]")) {
    next.querySelector("#" + open.id)?.setAttribute("open", "");
  }
  const focused = document.activeElement?.closest("form")?.getAttribute("action");
  live.replaceChildren(...next.children);
  if (focused) live.querySelector(`form[action="${focused}"] button`)?.focus();
}

async function loop() {
  try {
    await refresh();
    delete document.documentElement.dataset.offline;
  } catch {
    document.documentElement.dataset.offline = "";
  }
  setTimeout(loop, 1000);
}

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  await fetch(event.target.action, {method: "POST", headers: {Accept: "application/json"}});
  await refresh();
});

document.documentElement.dataset.ready = "";
loop();
