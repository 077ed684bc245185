// Convenience only: every page shows and does the same without it.
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
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* the choice is not kept */ }
    label();
  });

  document.addEventListener("keydown", (event) => {
    const typing = /^(input|select|textarea)$/i.test(event.target.tagName);
    if (event.key === "/" && !typing) { event.preventDefault(); document.getElementById("search").focus(); }
    if (event.key === "Escape" && typing) event.target.blur();
  });

  const two = (number) => String(number).padStart(2, "0");
  const local = (moment) => `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())} ${two(moment.getHours())}:${two(moment.getMinutes())}`;
  const copy = async (text) => {
    try { await navigator.clipboard.writeText(text); return; } catch { /* needs TLS */ }
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };
  const enrich = (within) => {
    for (const time of within.querySelectorAll("time")) {
      const moment = new Date(time.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      if ("local" in time.dataset) time.textContent = local(moment);
      else if (!time.title.includes("here")) time.title = `${local(moment)} here, ${time.title}`;
    }
    for (const code of within.querySelectorAll("[data-copy]")) {
      if (code.parentElement.querySelector(".copy")) continue;
      const press = document.createElement("button");
      press.type = "button";
      press.className = "copy";
      press.textContent = "Copy";
      press.setAttribute("aria-label", `Copy ${code.textContent.slice(0, 80)}`);
      press.addEventListener("click", async () => {
        await copy(code.textContent);
        press.textContent = "Copied";
        setTimeout(() => { press.textContent = "Copy"; }, 2000);
      });
      code.after(press);
    }
  };
  enrich(document);

  const live = document.querySelector("[data-live]");
  const show = async (address) => {
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return false;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-live]");
    if (!fresh) return false;
    enrich(fresh);
    live.replaceChildren(...fresh.childNodes);
    return true;
  };

  const filter = document.querySelector("[data-filter]");
  let waiting;
  const narrow = async () => {
    const asked = new URLSearchParams([...new FormData(filter)].filter(([, value]) => value));
    const address = `${location.pathname}${asked.size ? `?${asked}` : ""}`;
    try { if (await show(address)) history.replaceState(null, "", address); } catch { /* the button still works */ }
  };
  if (filter && live) {
    filter.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(narrow, 250); });
  }

  const follow = document.getElementById("follow");
  if (follow) follow.closest("label").hidden = false;
  const busy = () => live.contains(document.activeElement) || live.querySelector("details[open]") || getSelection().toString();
  if (live) {
    let fresh = new Date();
    const old = document.createElement("p");
    old.className = "error";
    old.setAttribute("role", "status");
    old.hidden = true;
    live.before(old);
    setInterval(async () => {
      if (document.hidden || (follow && !follow.checked) || busy()) return;
      let shown = false;
      try { shown = await show(location.href); } catch { /* shown below */ }
      if (shown) fresh = new Date();
      else old.textContent = `This page is from ${local(fresh)}: the service does not respond, or you are logged out. Reload the page.`;
      old.hidden = shown;
    }, 10000);
  }
})();
