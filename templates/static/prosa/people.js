/* Keeps the pages where people work up to date, without touching what they are writing. */
"use strict";

(() => {
  const live = document.querySelector("[data-live]");
  const news = document.querySelector(".pz-news");
  const reply = document.querySelector("#pz-reply");
  const undo = document.querySelector(".pz-undo");
  const writing = [...document.querySelectorAll(".pz-desk textarea")];
  let tag = "";

  const isAtEnd = () => window.innerHeight + window.scrollY >= document.body.scrollHeight - 160;
  const stateOf = (root) => root.querySelector("[data-state]")?.dataset.state;
  const isWritten = () => writing.some((one) => one.value !== one.defaultValue);

  function show(html) {
    const next = document.createElement("div");
    next.innerHTML = html;
    if (stateOf(next) !== stateOf(live)) {
      /* What may be done here has changed: the rest of the page belongs to the old state. */
      if (!isWritten()) {
        window.location.reload();
        return;
      }
      news.hidden = false;
    }
    const open = new Set([...live.querySelectorAll("details[open][id]")].map((one) => one.id));
    const wasAtEnd = isAtEnd();
    const nBefore = live.querySelectorAll(".pz-line").length;
    live.replaceChildren(...next.childNodes);
    for (const id of open) {
      const same = document.getElementById(id);
      if (same) same.open = true;
    }
    if (wasAtEnd && live.querySelectorAll(".pz-line").length > nBefore) toEnd();
  }

  /* A recording that somebody listens to plays to its end; what is new is shown after it. */
  const isHeard = () => [...live.querySelectorAll("audio, video")].some((one) => !one.paused);

  /* A message that somebody is changing must not vanish under their hands. */
  const isChanged = () =>
    [...live.querySelectorAll("textarea")].some(
      (one) => one === document.activeElement || one.value !== one.defaultValue,
    );

  async function look() {
    if (isHeard() || isChanged()) return;
    const headers = tag ? { "If-None-Match": tag } : {};
    const answer = await fetch(live.dataset.live, { headers, cache: "no-store" });
    if (answer.redirected) {
      /* The session is over; whoever is writing logs in elsewhere, and keeps the words. */
      if (reply && isWritten()) tell(reply.dataset.ended);
      else window.location.reload();
    } else if (answer.status === 200) {
      const html = await answer.text();
      const isFirst = tag === "";
      tag = answer.headers.get("ETag") || "";
      /* A button that somebody is about to press must not vanish under the finger. */
      if (!isFirst || !live.contains(document.activeElement)) show(html);
    }
  }

  async function keepLooking() {
    if (!document.hidden) await look().catch(() => {}); /* The network is away: next time. */
    window.setTimeout(keepLooking, 1000 * Number(live.dataset.refresh));
  }

  function toEnd() {
    document.querySelector("#end")?.scrollIntoView({ block: "end" });
  }

  async function post(url, data) {
    const answer = await fetch(`${url}?fetch`, {
      method: "POST",
      body: data,
      headers: { Accept: "application/json" },
    });
    const isJson = answer.headers.get("Content-Type")?.includes("json");
    if (!answer.ok || !isJson) throw new Error("refused");
    return answer.json();
  }

  function tell(text, isSending = false) {
    undo.querySelector("span").textContent = text;
    undo.querySelector("button").hidden = !isSending;
    undo.hidden = false;
  }

  function offerUndo(sent) {
    const button = undo.querySelector("button");
    tell(reply.dataset.sending, true);
    const left = window.setTimeout(() => { if (!button.hidden) tell(reply.dataset.left, true); }, 1000 * sent.held_s);
    const end = window.setTimeout(() => { undo.hidden = true; }, 1000 * sent.undo_s);
    button.onclick = async () => {
      window.clearTimeout(left);
      window.clearTimeout(end);
      undo.hidden = true;
      const data = new FormData();
      data.set("csrfmiddlewaretoken", reply.elements.csrfmiddlewaretoken.value);
      data.set("message", sent.message);
      const said = await post(reply.dataset.takeBack, data).catch(() => null);
      const text = reply.elements.text;
      if (said?.is_back && !text.value) text.value = said.text;
      text.focus();
      await look().catch(() => {});
    };
  }

  /* Without a script the same links bring the page anew, with the quote in it. */
  function quote(link) {
    const box = reply.querySelector(".pz-quoting");
    const line = link?.closest(".pz-line");
    const said = line?.querySelector(".pz-text, .pz-words, .pz-document, .pz-place")?.innerText;
    box.querySelector("blockquote").textContent = said || line?.querySelector("img, audio")?.ariaLabel || line?.querySelector("img")?.alt || "";
    reply.elements.quoted.value = link?.dataset.quote || "";
    box.hidden = !link;
    reply.elements.text.focus();
  }

  if (reply) {
    const text = reply.elements.text;
    document.addEventListener("click", (event) => {
      const link = event.target.closest?.("[data-quote], .pz-quoting a");
      if (!link || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      quote(link.dataset.quote ? link : null);
    });
    text.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && reply.elements.quoted.value) quote(null);
    });
    text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        reply.requestSubmit();
      }
    });
    reply.addEventListener("submit", async (event) => {
      event.preventDefault();
      const data = new FormData(reply);
      const said = text.value;
      const { file, place } = reply.elements;
      if (!said.trim() && !file.value && !place.value) return;
      text.value = "";
      const sent = await post(reply.action, data).catch(() => ({ refused: reply.dataset.away }));
      if (sent.refused) {
        /* Not sent again by itself: it may have arrived, and nobody wants it twice. */
        if (!text.value) text.value = said;
        tell(sent.refused);
        return;
      }
      file.value = "";
      place.value = "";
      quote(null);
      reply.querySelector(".pz-attach").open = false;
      offerUndo(sent);
      await look().catch(() => {});
      toEnd();
    });
  }

  const wanted = document.getElementById(window.location.hash.slice(1));
  if (wanted instanceof HTMLDetailsElement) {
    wanted.open = true;
    wanted.scrollIntoView({ block: "center" });
  } else if (reply || window.location.hash === "#end") {
    toEnd();
  }
  if (live) window.setTimeout(keepLooking, 1000 * Number(live.dataset.refresh));
})();
