/* Takes files one by one, says what became of each, and shows how far the reading is. */
"use strict";

(() => {
  const PAUSE_MS = 2000;
  const MOST_ASKED = 200;
  const MOST_AT_ONCE = 2;
  const place = document.querySelector("[data-states-url]");
  if (!place) {
    return;
  }
  document.documentElement.classList.add("pz-js");
  let isLooking = false;

  function make(tag, className, text) {
    const node = document.createElement(tag);
    node.className = className;
    if (text !== undefined) {
      node.textContent = text;
    }
    return node;
  }

  function badge(text, tone) {
    return make("span", tone ? `pz-badge pz-${tone}` : "pz-badge", text);
  }

  function showState(node, state) {
    node.dataset.busy = state.busy ? "1" : "0";
    node.replaceChildren(badge(state.label, state.tone));
    if (state.busy) {
      const bar = make("progress", "pz-progress");
      bar.max = 100;
      bar.value = state.progress;
      bar.setAttribute("aria-label", `${state.progress}%`);
      node.append(" ", bar);
    }
  }

  function show(state) {
    for (const node of document.querySelectorAll(`[data-document="${state.id}"]`)) {
      if (node.dataset.field === "state") {
        showState(node, state);
      } else {
        node.textContent = state[node.dataset.field];
      }
      if (node.dataset.field === "problem") {
        node.classList.toggle("pz-partly", state.tone === "good");
      }
    }
    showEnd(state);
  }

  // Of a file that was just given: once it is read, only what came of it is left to say.
  function showEnd(state) {
    for (const line of document.querySelectorAll(`.pz-received-line[data-id="${state.id}"]`)) {
      if (!state.busy) {
        line.classList.remove("pz-good", "pz-bad");
        line.classList.add(`pz-${state.tone}`);
        line.querySelector(".pz-told")?.remove();
      }
    }
  }

  function busy() {
    const nodes = document.querySelectorAll('[data-field="state"][data-busy="1"]');
    return [...new Set([...nodes].map((node) => node.dataset.document))].slice(0, MOST_ASKED);
  }

  async function look() {
    const ids = busy();
    if (!ids.length) {
      isLooking = false;
      if (place.dataset.reload === "1") {
        window.location.reload();
      }
      return;
    }
    if (!document.hidden) {
      try {
        const answer = await fetch(`${place.dataset.statesUrl}?ids=${ids.join("-")}`, {
          headers: { Accept: "application/json" },
        });
        if (answer.ok) {
          const states = (await answer.json()).documents;
          states.forEach(show);
          const known = new Set(states.map((state) => String(state.id)));
          for (const id of ids.filter((one) => !known.has(one))) {
            for (const node of document.querySelectorAll(`[data-document="${id}"]`)) {
              node.dataset.busy = "0"; // it was removed meanwhile
            }
          }
        }
      } catch {
        /* The network is away; the next look will tell. */
      }
    }
    window.setTimeout(look, PAUSE_MS);
  }

  function startLooking() {
    if (!isLooking) {
      isLooking = true;
      window.setTimeout(look, PAUSE_MS / 4);
    }
  }

  const form = document.getElementById("pz-upload");
  if (form) {
    const input = form.querySelector(".pz-files");
    const drop = form.querySelector(".pz-drop");
    const lines = document.getElementById("pz-received");
    const texts = form.dataset;
    const waiting = [];
    let nSending = 0;

    function say(line, tone, label, text) {
      line.className = tone ? `pz-received-line pz-${tone}` : "pz-received-line";
      line.replaceChildren(line.firstChild, badge(label, tone));
      if (text) {
        line.append(make("span", "", text));
      }
    }

    function told(line, one) {
      if (one.id === null) {
        say(line, "bad", texts.textRefused, one.text);
        return;
      }
      const link = make("a", "pz-doc pz-link", one.name);
      link.href = one.url;
      line.className = one.tone ? `pz-received-line pz-${one.tone}` : "pz-received-line";
      line.replaceChildren(link, make("span", one.busy ? "pz-told" : "", one.text));
      line.dataset.id = one.id;
      const state = make("span", "pz-state");
      state.dataset.document = one.id;
      state.dataset.field = "state";
      state.dataset.busy = one.busy ? "1" : "0";
      const problem = make("span", "pz-problem");
      problem.dataset.document = one.id;
      problem.dataset.field = "problem";
      line.append(state, problem);
      offerList();
    }

    function offerList() {
      if (!form.querySelector(".pz-refresh")) {
        const link = make("a", "pz-button pz-refresh", texts.textRefresh);
        link.href = window.location.pathname + window.location.search;
        form.append(link);
      }
    }

    async function send(file, line) {
      const body = new FormData();
      for (const [name, value] of new FormData(form)) {
        if (name !== "files") {
          body.append(name, value);
        }
      }
      body.append("files", file, file.name);
      const token = document.cookie.match(/(?:^|; )csrftoken=(\w+)/);
      if (token) {
        body.set("csrfmiddlewaretoken", token[1]); // another one since a login in another tab
      }
      try {
        const answer = await fetch(form.action, {
          method: "POST",
          body,
          headers: { Accept: "application/json" },
        });
        const kind = answer.headers.get("Content-Type") || "";
        const said = kind.startsWith("application/json") ? await answer.json() : {};
        if (answer.redirected) {
          say(line, "bad", texts.textRefused, texts.textEnded);
        } else if (answer.ok && said.results && said.results.length) {
          told(line, said.results[0]);
          startLooking();
        } else {
          say(line, "bad", texts.textRefused, said.error || texts.textLost);
        }
      } catch {
        say(line, "bad", texts.textRefused, texts.textLost);
      }
    }

    async function sendNext() {
      const next = waiting.shift();
      if (!next) {
        return;
      }
      nSending += 1;
      await send(...next);
      nSending -= 1;
      sendNext();
    }

    const shelf = form.querySelector("select[name=category]");
    const typed = form.querySelector("[name=new_category]");

    function hasShelf() {
      if (shelf) {
        const isMissing = !shelf.value && !typed.value.trim();
        shelf.setCustomValidity(isMissing ? texts.textCategory : "");
      }
      return form.reportValidity();
    }

    function take(files) {
      const isShelved = hasShelf();
      for (const file of files) {
        const line = make("li", "pz-received-line");
        line.append(make("span", "pz-doc", file.name));
        lines.append(line);
        if (file.isFolder) {
          say(line, "bad", texts.textRefused, texts.textFolder);
        } else if (file.size > Number(texts.maxBytes)) {
          say(line, "bad", texts.textRefused, texts.textLarge);
        } else {
          say(line, "", isShelved ? texts.textSending : texts.textWaiting, "");
          waiting.push([file, line]);
        }
      }
      if (isShelved) {
        sendAll();
      }
    }

    function sendAll() {
      for (const [, line] of waiting) {
        say(line, "", texts.textSending, "");
      }
      while (waiting.length && nSending < MOST_AT_ONCE) {
        sendNext();
      }
    }

    function dropped(transfer) {
      return [...transfer.items]
        .filter((item) => item.kind === "file")
        .map((item) => {
          const entry = item.webkitGetAsEntry ? item.webkitGetAsEntry() : null;
          return entry && entry.isDirectory
            ? { name: entry.name, isFolder: true }
            : item.getAsFile();
        })
        .filter(Boolean);
    }

    if (shelf) {
      for (const field of [shelf, typed]) {
        field.addEventListener("input", () => shelf.setCustomValidity(""));
        // Files that came before it were kept for it.
        field.addEventListener("change", () => waiting.length && hasShelf() && sendAll());
      }
    }
    input.addEventListener("change", () => {
      take([...input.files]);
      input.value = "";
    });
    for (const kind of ["dragenter", "dragover"]) {
      form.addEventListener(kind, (event) => {
        event.preventDefault();
        drop.classList.add("pz-over");
      });
    }
    form.addEventListener("dragleave", (event) => {
      if (!form.contains(event.relatedTarget)) {
        drop.classList.remove("pz-over");
      }
    });
    form.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("pz-over");
      take(dropped(event.dataTransfer));
    });
    // A file that misses the place would replace the page, and what was typed on it.
    for (const kind of ["dragover", "drop"]) {
      window.addEventListener(kind, (event) => event.preventDefault());
    }
  }

  if (busy().length) {
    startLooking();
  }
})();
