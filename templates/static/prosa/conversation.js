/* Tells the person who reads a conversation that it has gone on; nothing is replaced under them. */
"use strict";

(() => {
  const PAUSE_MS = 4000;
  const chat = document.querySelector(".pz-chat");
  const news = document.querySelector(".pz-news");
  const text = document.querySelector("#pz-text");

  async function look() {
    if (!document.hidden) {
      try {
        const answer = await fetch(chat.dataset.stateUrl, { headers: { Accept: "application/json" } });
        const state = answer.ok ? await answer.json() : null;
        if (state && state.latest !== chat.dataset.latest) {
          const isBusy = (text && text.value) || document.querySelector(".pz-chat details[open]");
          if (!isBusy) {
            window.location.reload();
            return;
          }
          news.hidden = false;
        }
      } catch {
        /* The network is away; the next look will tell. */
      }
    }
    window.setTimeout(look, PAUSE_MS);
  }

  if (text) {
    text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        text.form.requestSubmit();
      }
    });
  }
  const wanted = document.getElementById(window.location.hash.slice(1));
  if (wanted instanceof HTMLDetailsElement) {
    wanted.open = true;
    wanted.scrollIntoView({ block: "center" });
    window.setTimeout(look, PAUSE_MS);
  } else if (!new URLSearchParams(window.location.search).has("before")) {
    document.querySelector("#end").scrollIntoView({ block: "end" });
    window.setTimeout(look, PAUSE_MS);
  }
})();
