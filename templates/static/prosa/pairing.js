/* The page of a device's link: asks for its state every two seconds, counts down, and asks for new
   codes while somebody looks at it. */
"use strict";
(() => {
  const EVERY_MS = 2000;
  // Beyond this nobody stands before the screen with a phone, and WhatsApp refuses who asks too often.
  const MAX_RENEWALS = 3;
  const RENEWALS = `prosa-renewals-${location.pathname}`;
  const live = document.getElementById("pz-live");
  let shown = "";

  function count() {
    const line = live.querySelector("[data-ends-at]");
    if (!line) return;
    const left = Math.max(0, Math.round((new Date(line.dataset.endsAt) - Date.now()) / 1000));
    line.querySelector("[data-left]").textContent = `${left} s`;
    const bar = live.querySelector("progress");
    if (bar) bar.value = left;
  }

  function renew() {
    const form = document.getElementById("pz-renew");
    const phase = live.querySelector("[data-phase]")?.dataset.phase;
    if (phase === "connected") sessionStorage.removeItem(RENEWALS);
    if (!form || document.hidden) return;
    const n = Number(sessionStorage.getItem(RENEWALS) || 0);
    if (n >= MAX_RENEWALS) return;
    sessionStorage.setItem(RENEWALS, String(n + 1));
    form.submit();
  }

  // What a person types or is about to confirm must not be replaced under their hands.
  const isBusy = () => live.contains(document.activeElement) && document.activeElement.matches("input")
    || live.querySelector("details[open]") !== null;

  async function look() {
    try {
      const answer = await fetch(live.dataset.url, { credentials: "same-origin" });
      if (answer.ok && !answer.redirected) {
        const state = await answer.json();
        if (state.gone) return location.assign(state.gone);
        // The form token differs each time and says nothing.
        const plain = state.html.replace(/name="csrfmiddlewaretoken" value="[^"]*"/g, "");
        if (plain !== shown && !isBusy()) {
          live.innerHTML = state.html;
          shown = plain;
          renew();
        }
      }
    } catch {
      // The network may be away for a moment; the next look tells.
    }
    setTimeout(look, EVERY_MS);
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-testid^=start-], [data-testid=pair-again-sure]")) sessionStorage.removeItem(RENEWALS);
  });
  setInterval(count, 250);
  count();
  renew();
  setTimeout(look, EVERY_MS);
})();
