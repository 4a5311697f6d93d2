/* Shows the away text as a customer would read it, while it is typed. */
"use strict";

(() => {
  const PAUSE_MS = 300;
  const text = document.querySelector("textarea[data-preview-url]");
  const shown = document.querySelector("#pz-preview");
  if (!text || !shown) {
    return;
  }
  let timer = 0;
  let latest = 0;

  async function show() {
    latest += 1;
    const mine = latest;
    const body = new FormData();
    body.set("away_text", text.value);
    body.set("csrfmiddlewaretoken", text.form.elements.csrfmiddlewaretoken.value);
    try {
      const answer = await fetch(text.dataset.previewUrl, { method: "POST", body });
      const found = answer.ok ? await answer.json() : null;
      if (found && mine === latest) {
        shown.textContent = found.text;
      }
    } catch {
      /* The network is away; what is shown stays. */
    }
  }

  text.addEventListener("input", () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(show, PAUSE_MS);
  });
})();
