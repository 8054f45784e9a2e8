// Keeps the page current: asks every second whether it has changed, while somebody
// looks, and swaps the content in. Without this script the page reloads itself.
"use strict";

let tag = null;
let shown = document.getElementById("live").innerHTML;

// A frame is as high as its mail, which is known once it is loaded and shown.
function fit(frame) {
  const root = frame.contentDocument?.documentElement;
  if (!root || !frame.clientWidth) return;
  frame.style.height = "0";
  frame.style.height = `${root.scrollHeight + 2}px`;
}

const fitAll = () => document.querySelectorAll("iframe").forEach(fit);
for (const type of ["load", "toggle"]) document.addEventListener(type, fitAll, true);
addEventListener("resize", fitAll);
addEventListener("load", fitAll);

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.pathname, {cache: "no-cache"});
  if (!answer.ok || answer.headers.get("ETag") === tag) return;
  tag = answer.headers.get("ETag");
  const next = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
  if (next.innerHTML === shown) return; // swapping would load the frames anew
  shown = next.innerHTML;
  const live = document.getElementById("live");
  for (const was of live.querySelectorAll("details")) {
    const now = next.querySelector("#" + was.id);
    if (now) now.open = was.open;
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
