// Comfort only: every page says and does the same without it.
"use strict";
(() => {
  const root = document.documentElement;
  const read = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  if (read()) root.dataset.theme = read();

  const button = document.getElementById("theme");
  const label = () => { button.textContent = dark() ? "Light" : "Dark"; };
  button.hidden = false;
  label();
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* not kept, then */ }
    label();
  });

  document.addEventListener("keydown", (event) => {
    const typing = /^(input|select|textarea)$/i.test(event.target.tagName);
    if (event.key === "/" && !typing) { event.preventDefault(); document.getElementById("search").focus(); }
    if (event.key === "Escape" && typing) event.target.blur();
  });

  const filter = document.getElementById("filter");
  const narrow = () => {
    if (!filter) return;
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of document.querySelectorAll("[data-live] tbody tr")) {
      row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
      if (!row.hidden) shown += 1;
    }
    const told = document.getElementById("shown");
    const text = words.length ? `${shown} shown` : "";
    if (told.textContent !== text) told.textContent = text;
  };
  if (filter) filter.addEventListener("input", narrow);
  narrow(); // what was typed before this ran

  const follow = document.getElementById("follow");
  if (follow) follow.closest("label").hidden = false;
  const live = document.querySelector("[data-live]");
  const refresh = async () => {
    if (!live || document.hidden || !follow.checked) return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("[data-live]");
      const counts = page.querySelector(".counts");
      if (fresh && !live.contains(document.activeElement)) live.replaceChildren(...fresh.childNodes);
      if (counts) document.querySelector(".counts").replaceChildren(...counts.childNodes);
      narrow();
    } catch { /* the next time, then */ }
  };
  if (live) setInterval(refresh, 10000);
})();
