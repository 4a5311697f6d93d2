/* Prosa's web chat: one script tag on a site's page, no library, nothing of the page touched.

   All that is shown goes into the page as text, never as markup: what an agent, a person or a
   visitor has written can't become anything else. Nothing is stored before the visitor writes. */
((chat) => {
  "use strict";

  const home = new URL(document.currentScript.src).origin;
  const { words } = chat;
  const store = `prosa-chat:${chat.key}`;
  const MAX_TEXT = 4096; /* characters, as the server takes them */
  const SILENT_MS = 40000; /* a stream shows every 15 s that it lives */
  const LINGER_MS = 600000; /* how long a closed chat still listens for an answer */

  if (!chat.origins.includes(location.origin) && location.origin !== home) {
    console.info(`Prosa: this chat is not for pages of ${location.origin}`);
    return;
  }
  const loaded = (window[Symbol.for("prosa-chats")] ??= new Set());
  if (loaded.has(chat.key)) return; /* the tag stands there twice */
  loaded.add(chat.key);

  /* What is known: the visitor's token, and the messages by their ids. */

  const memory = {};
  function remember(token) {
    memory.token = token;
    try {
      if (token) localStorage.setItem(store, token);
      else localStorage.removeItem(store);
    } catch { /* a browser that keeps nothing: the thread lasts as long as the page */ }
  }
  try {
    memory.token = localStorage.getItem(store) || "";
  } catch {
    memory.token = "";
  }

  const messages = new Map();
  let earlier = null; /* cursor of the page before the first message; null where there is none */
  let heard = ""; /* id of the event heard last */
  let isOver = false;
  let isSynced = false;
  let lastWritten = 0;
  let nUnread = 0;

  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const newId = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("");
  };

  /* Asking the server. A refusal is an answer, a network that is away is an exception. */

  async function ask(method, path, body, { signal, headers } = {}) {
    const sent = { ...headers };
    if (memory.token) sent.Authorization = `Bearer ${memory.token}`;
    if (body) sent["Content-Type"] = "application/json";
    return fetch(`${home}/chat/${chat.key}/${path}`, {
      method,
      headers: sent,
      body: body && JSON.stringify(body),
      credentials: "omit",
      cache: "no-store",
      referrerPolicy: "same-origin",
      keepalive: method === "POST", /* it arrives even where the page is left meanwhile */
      signal: signal ?? AbortSignal.timeout(20000),
    });
  }

  const pause = (answer) => 1000 * Math.min(120, Math.max(1, Number(answer.headers.get("Retry-After")) || 5));

  function forget() {
    remember("");
    stopListening();
    messages.clear();
    [earlier, heard, isOver, isSynced] = [null, "", false, false];
  }

  /* Sending: one after the other, each again under its own id until the server has it. */

  let line = Promise.resolve();
  function send(message) {
    message.status = "sending";
    show(message);
    line = line.then(() => deliver(message)).catch(() => fail(message));
  }

  function fail(message, status = "failed") {
    message.status = status;
    show(message);
  }

  async function deliver(message) {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      let answer;
      try {
        answer = memory.token ? null : await ask("POST", "visits/");
        if (answer === null || answer.ok) {
          if (answer) {
            remember((await answer.json()).token);
            stayOpen(isOpen);
          }
          answer = await ask("POST", "messages/", { id: message.id, text: message.text });
        }
      } catch {
        connected(false);
        await wait(1000 * 2 ** attempt);
        continue;
      }
      connected(true);
      if (answer.ok) {
        message.status = "sent";
        lastWritten = Date.now();
        show(message);
        keepUp(message.id);
        return;
      }
      if (answer.status === 401) {
        remember(""); /* it has become too old: the same message begins a new thread */
      } else if (answer.status === 410) {
        switchedOff();
        break;
      } else if (answer.status === 429 || answer.status === 503) {
        message.status = "waiting";
        show(message);
        await wait(pause(answer));
      } else if (answer.status < 500) {
        fail(message, "refused");
        return;
      } else {
        await wait(1000 * 2 ** attempt);
      }
    }
    fail(message);
  }

  /* Reading: the newest page first, then what comes after it. */

  async function sync() {
    const answer = await ask("GET", "messages/");
    if (answer.status === 401) {
      forget();
      render();
      return false;
    }
    if (answer.status === 410) switchedOff();
    if (!answer.ok) return false;
    const page = await answer.json();
    merge([...page.results].reverse());
    if (!isSynced) earlier = page.next_cursor;
    isSynced = true;
    heard = page.last_event_id ?? "";
    inHands(page.state);
    render();
    return page;
  }

  /* Put a page where it belongs: behind what was read before it, before what is being sent. */
  function merge(page) {
    const known = [...messages.values()];
    const there = new Set(page.map((one) => one.id));
    const first = known.findIndex((one) => there.has(one.id));
    const isBefore = (one, place) => one.status === "sent" && (first < 0 || place < first);
    const others = known.map((one, place) => [one, isBefore(one, place)]).filter(([one]) => !there.has(one.id));
    const old = new Map(messages);
    messages.clear();
    for (const [one, before] of others) if (before) messages.set(one.id, one);
    for (const one of page) messages.set(one.id, { ...old.get(one.id), ...one, status: "sent" });
    for (const [one, before] of others) if (!before) messages.set(one.id, one);
  }

  /* Listen for what follows a message: at once where somebody listens, else when it is written. */
  let keeping = false;
  async function keepUp(id) {
    if (keeping || (listening && !isOver)) return;
    keeping = true;
    stopListening();
    try {
      await untilWritten(id);
    } finally {
      keeping = false;
    }
  }

  async function untilWritten(id) {
    for (let attempt = 0; attempt < 12; attempt += 1) {
      try {
        const page = await sync();
        if (page && page.results.some((one) => one.id === id)) {
          listen();
          return;
        }
        if (!page && !memory.token) return;
      } catch {
        connected(false);
      }
      await wait(Math.min(4000, 250 * 1.4 ** attempt));
    }
  }

  async function showEarlier() {
    write(ui.earlier, words.loading);
    try {
      const answer = await ask("GET", `messages/?cursor=${encodeURIComponent(earlier)}`);
      if (answer.ok) {
        const page = await answer.json();
        const known = [...messages];
        messages.clear();
        for (const one of [...page.results].reverse()) take(one);
        for (const [id, one] of known) messages.set(id, one);
        earlier = page.next_cursor;
      }
    } catch {
      connected(false);
    }
    const height = ui.scroll.scrollHeight;
    render({ stay: true });
    ui.scroll.scrollTop += ui.scroll.scrollHeight - height;
  }

  let listening = null;
  const isWanted = () =>
    memory.token && !document.hidden && (isOpen || Date.now() - lastWritten < LINGER_MS);

  function stopListening() {
    listening?.abort();
    listening = null;
    typing(false);
  }

  async function listen() {
    if (listening || !isWanted()) return;
    const mine = (listening = new AbortController());
    for (let failures = 0; listening === mine && isWanted(); failures += 1) {
      try {
        const answer = await ask("GET", "events/", null, {
          signal: mine.signal,
          headers: heard ? { "Last-Event-ID": heard } : {},
        });
        if (answer.ok) {
          connected(true);
          if (failures) await sync(); /* with what was changed while nobody listened */
          await read(answer.body, mine);
          failures = 0;
        } else if (answer.status === 400) {
          heard = ""; /* of a conversation that is over */
          await sync();
        } else if (answer.status === 429 || answer.status === 503) {
          await wait(pause(answer));
        } else if (answer.status < 500) {
          if (answer.status === 410) switchedOff();
          break;
        }
      } catch {
        if (listening === mine && failures) connected(false);
      }
      if (listening === mine) await Promise.race([wait(Math.min(30000, 700 * 2 ** failures)), online()]);
    }
    if (listening === mine) stopListening();
  }

  const online = () =>
    new Promise((done) => window.addEventListener("online", done, { once: true }));

  async function read(stream, mine) {
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    let alarm;
    try {
      for (;;) {
        clearTimeout(alarm);
        alarm = setTimeout(() => reader.cancel().catch(() => {}), SILENT_MS);
        const { done, value } = await reader.read();
        if (done || listening !== mine) return;
        text += value;
        const parts = text.split("\n\n");
        text = parts.pop();
        for (const part of parts) hear(part);
      }
    } finally {
      clearTimeout(alarm);
      reader.cancel().catch(() => {});
    }
  }

  function hear(part) {
    const event = {};
    for (const line of part.split("\n")) {
      const place = line.indexOf(": ");
      if (place > 0) event[line.slice(0, place)] = line.slice(place + 2);
    }
    if (!event.event) return;
    if (event.id) heard = event.id;
    const data = JSON.parse(event.data);
    if (event.event === "typing") typing(data.is_on);
    else if (event.event === "state" || event.event === "ready") inHands(data);
    else if (event.event === "message") {
      const isNew = !messages.has(data.id);
      take(data);
      if (isNew && data.from !== "visitor") {
        typing(false);
        if (!isOpen) nUnread += 1;
      }
      render();
    }
  }

  function take(data) {
    const known = messages.get(data.id);
    messages.set(data.id, { ...known, ...data, status: "sent" });
  }

  /* The page: a button and a dialog in a shadow of their own, so that neither style meets. */

  const el = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const write = (node, text) => {
    if (node.textContent !== text) node.textContent = text;
  };
  const icon = (path) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    line.setAttribute("d", path);
    svg.append(line);
    return svg;
  };
  const BUBBLE = "M4 4h16a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H9l-5 4v-4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2z";
  const CROSS = "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12 19 17.6 17.6 19 12 13.4 6.4 19 5 17.6 10.6 12 5 6.4z";
  const ARROW = "M3 20.5v-7l9-1.5-9-1.5v-7L22 12z";

  let isOpen = false;
  const host = el("div", { id: `prosa-chat-${chat.key}`, lang: chat.language });
  const root = host.attachShadow({ mode: "open" });
  const ui = {
    launcher: el("button", { type: "button", class: "launcher", "aria-expanded": "false", "aria-controls": "panel", "aria-label": words.open }, icon(BUBBLE)),
    badge: el("span", { class: "badge", "aria-hidden": "true", hidden: "" }),
    panel: el("section", { id: "panel", class: "panel", role: "dialog", "aria-labelledby": "title", hidden: "" }),
    title: el("h2", { id: "title" }, chat.title),
    close: el("button", { type: "button", class: "plain", "aria-label": words.close }, icon(CROSS)),
    anew: el("button", { type: "button", class: "anew", hidden: "" }, words.anew),
    notice: el("p", { class: "notice", role: "status", hidden: "" }),
    scroll: el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": chat.title }),
    earlier: el("button", { type: "button", class: "earlier", hidden: "" }, words.earlier),
    greeting: el("p", { class: "greeting", dir: "auto" }, chat.greeting || words.empty),
    list: el("ol", { role: "log", "aria-live": "polite", "aria-relevant": "additions" }),
    typing: el("p", { class: "typing", hidden: "" }, el("span", { class: "unseen" }, words.typing), el("i"), el("i"), el("i")),
    form: el("form"),
    text: el("textarea", { rows: "1", maxlength: String(MAX_TEXT), "aria-label": words.write, placeholder: words.write, enterkeyhint: "send", dir: "auto" }),
    send: el("button", { type: "submit", class: "send", "aria-label": words.send, disabled: "" }, icon(ARROW)),
  };
  ui.launcher.append(ui.badge);
  ui.form.append(ui.text, ui.send);
  ui.scroll.append(ui.earlier, ui.greeting, ui.list, ui.typing);
  ui.panel.append(el("header", {}, ui.title, ui.anew, ui.close), ui.notice, ui.scroll, ui.form);
  root.append(ui.panel, ui.launcher);

  /* Addresses can be followed and *words* are strong, as on the phone; everything else is text. */
  const MARKS = /(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]])|(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])/g;
  function marked(text) {
    const parts = [];
    let from = 0;
    for (const found of text.matchAll(MARKS)) {
      parts.push(text.slice(from, found.index));
      parts.push(
        found[1]
          ? el("a", { href: found[1], target: "_blank", rel: "noopener noreferrer nofollow" }, found[1])
          : el("strong", {}, found[2]),
      );
      from = found.index + found[0].length;
    }
    return [...parts, text.slice(from)].filter((one) => one !== "");
  }

  const clock = new Intl.DateTimeFormat(chat.language, { hour: "2-digit", minute: "2-digit" });
  const who = { visitor: words.you, assistant: words.assistant, person: words.person };

  function drawn(message) {
    const bubble = el("div", { class: "bubble", dir: "auto" });
    if (message.is_deleted) bubble.append(el("em", {}, words.deleted));
    else bubble.append(...marked(message.text));
    const below = el("span", { class: "below" });
    if (message.from === "person") below.append(el("span", {}, words.person));
    if (message.is_edited && !message.is_deleted) below.append(el("span", {}, words.edited));
    if (message.status === "sent") below.append(el("time", { datetime: message.at }, clock.format(new Date(message.at))));
    else below.append(el("span", {}, words[message.status]));
    if (message.status === "failed") {
      const again = el("button", { type: "button", class: "again" }, words.again);
      again.addEventListener("click", () => send(message));
      below.append(again);
    }
    const item = el("li", { class: `${message.from} ${message.status}` });
    item.append(el("span", { class: "unseen" }, `${who[message.from]}: `), bubble, below);
    return item;
  }

  /* Only what has changed is drawn anew: a log that is replaced would be read out once more. */
  const items = new Map();
  function show(message) {
    messages.set(message.id, message);
    render();
  }

  const isAtEnd = () => ui.scroll.scrollHeight - ui.scroll.scrollTop - ui.scroll.clientHeight < 60;
  const toEnd = () => {
    ui.scroll.scrollTop = ui.scroll.scrollHeight;
  };

  function render({ stay = false } = {}) {
    const wasAtEnd = isAtEnd();
    let next = ui.list.firstChild;
    for (const message of messages.values()) {
      const seen = JSON.stringify([message.text, message.status, message.is_edited, message.is_deleted]);
      let item = items.get(message.id);
      if (item?.seen !== seen) {
        const node = drawn(message);
        if (item?.node.parentNode) {
          if (item.node === next) next = node;
          item.node.replaceWith(node);
        }
        item = { seen, node };
        items.set(message.id, item);
      }
      if (item.node === next) next = next.nextSibling;
      else ui.list.insertBefore(item.node, next);
    }
    while (next) {
      const gone = next;
      next = next.nextSibling;
      gone.remove();
    }
    for (const id of items.keys()) if (!messages.has(id)) items.delete(id);
    write(ui.earlier, words.earlier);
    ui.earlier.hidden = earlier === null;
    ui.anew.hidden = messages.size === 0;
    write(ui.badge, nUnread > 9 ? "9+" : String(nUnread));
    ui.badge.hidden = nUnread === 0;
    ui.launcher.setAttribute("aria-label", isOpen ? words.close : nUnread ? words.unread : words.open);
    if (isOpen && !stay && wasAtEnd) toEnd();
  }

  /* What is said above the messages, the most urgent only. */
  const notices = { offline: false, off: false, hands: "" };
  function notice() {
    const text = notices.off ? words.off : notices.offline ? words.offline : notices.hands;
    const wasAtEnd = isAtEnd();
    write(ui.notice, text);
    ui.notice.hidden = text === "";
    ui.notice.className = notices.offline && !notices.off ? "notice warn" : "notice";
    ui.form.hidden = notices.off;
    if (wasAtEnd) toEnd();
  }
  function connected(isSo) {
    notices.offline = !isSo;
    notice();
  }
  function switchedOff() {
    notices.off = true;
    stopListening();
    notice();
  }
  function inHands(state) {
    isOver = state.is_over;
    notices.hands = isOver ? words.over : { person: words.with_person, nobody_yet: words.nobody_yet }[state.with] ?? "";
    notice();
  }
  let typingEnds;
  function typing(isOn) {
    clearTimeout(typingEnds);
    const wasAtEnd = isAtEnd();
    ui.typing.hidden = !isOn;
    if (isOn) typingEnds = setTimeout(() => typing(false), 120000);
    if (isOn && wasAtEnd) toEnd();
  }

  /* What the visitor does. */

  /* Whether it is open outlives a reload in this tab, once there is a thread. */
  function stayOpen(isSo) {
    try {
      if (isSo && memory.token) sessionStorage.setItem(store, "open");
      else sessionStorage.removeItem(store);
    } catch { /* it is closed then after a reload */ }
  }

  function open({ byVisitor = true } = {}) {
    isOpen = true;
    stayOpen(true);
    nUnread = 0;
    ui.panel.hidden = false;
    ui.launcher.setAttribute("aria-expanded", "true");
    host.classList.add("open");
    render();
    toEnd();
    if (byVisitor) ui.text.focus();
    resume();
  }

  function close() {
    isOpen = false;
    stayOpen(false);
    ui.panel.hidden = true;
    ui.launcher.setAttribute("aria-expanded", "false");
    host.classList.remove("open");
    render();
    ui.launcher.focus();
  }

  /* Read anew what may have changed, and listen on; nothing where nobody has written yet. */
  let resuming = false;
  async function resume() {
    if (resuming || notices.off || !isWanted()) return;
    resuming = true;
    try {
      if (await sync()) {
        connected(true);
        if (heard) listen();
      } else if (memory.token) {
        setTimeout(resume, 15000);
      }
      toEnd();
    } catch {
      connected(false);
      setTimeout(resume, 5000);
    } finally {
      resuming = false;
    }
  }

  function submit() {
    const text = ui.text.value.trim();
    if (!text) return;
    ui.text.value = "";
    sized();
    send({ id: newId(), from: "visitor", text, at: new Date().toISOString() });
    toEnd();
    ui.text.focus();
  }

  function sized() {
    ui.send.disabled = ui.text.value.trim() === "";
    ui.text.style.height = "auto";
    ui.text.style.height = `${Math.min(120, ui.text.scrollHeight)}px`;
  }

  ui.launcher.addEventListener("click", () => (isOpen ? close() : open()));
  ui.close.addEventListener("click", close);
  ui.earlier.addEventListener("click", showEarlier);
  ui.text.addEventListener("input", sized);
  ui.form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  ui.text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      submit();
    }
  });
  ui.panel.addEventListener("keydown", (event) => {
    event.stopPropagation(); /* a site's shortcuts are not meant */
    if (event.key === "Escape") close();
  });
  let calm;
  ui.anew.addEventListener("click", () => {
    clearTimeout(calm);
    if (ui.anew.textContent === words.anew) {
      write(ui.anew, words.sure);
      calm = setTimeout(() => write(ui.anew, words.anew), 5000);
      return;
    }
    write(ui.anew, words.anew);
    forget();
    notices.hands = "";
    notice();
    render();
    ui.text.focus();
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? stopListening() : resume()));
  window.addEventListener("online", resume);
  window.addEventListener("offline", () => connected(false));

  const STYLE = `
:host { all: initial; position: fixed; right: 0; bottom: 0; z-index: 2147483000;
  --colour: ${chat.colour}; --ink: ${chat.ink}; --paper: #fff; --soft: #f1f3f5; --text: #16191d; --muted: #5d6671; --line: #dfe3e8; --warn: #7a4b00; --warn-soft: #fff3d6;
  font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: var(--text); color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :host { --paper: #1b1f24; --soft: #2a3038; --text: #eceff3; --muted: #a3adb8; --line: #39414b; --warn: #ffd58a; --warn-soft: #45351a; } }
*, *::before { box-sizing: border-box; margin: 0; padding: 0; }
[hidden] { display: none !important; }
button, textarea { font: inherit; color: inherit; }
button { cursor: pointer; border: 0; background: none; }
svg { width: 1.5rem; height: 1.5rem; fill: currentColor; display: block; }
:focus-visible { outline: 3px solid var(--colour); outline-offset: 2px; }
header :focus-visible { outline-color: var(--ink); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.launcher { position: fixed; right: 20px; bottom: 20px; width: 60px; height: 60px; border-radius: 50%; display: grid; place-items: center;
  background: var(--colour); color: var(--ink); box-shadow: 0 4px 16px rgb(0 0 0 / 28%); transition: transform .15s; }
.launcher:hover { transform: scale(1.05); }
.launcher svg { width: 28px; height: 28px; }
.badge { position: absolute; top: -2px; right: -2px; min-width: 22px; height: 22px; border-radius: 11px; padding: 0 6px; background: #c81e1e; color: #fff; font-size: 13px; line-height: 22px; font-weight: 700; text-align: center; }
.panel { position: fixed; right: 20px; bottom: 96px; width: 380px; height: min(600px, calc(100vh - 116px)); display: flex; flex-direction: column;
  background: var(--paper); border: 1px solid var(--line); border-radius: 16px; overflow: hidden; box-shadow: 0 12px 40px rgb(0 0 0 / 25%); animation: rise .18s ease-out; }
@keyframes rise { from { opacity: 0; transform: translateY(12px); } }
header { display: flex; align-items: center; gap: 8px; padding: 12px 12px 12px 18px; background: var(--colour); color: var(--ink); }
h2 { flex: 1; min-width: 0; font-size: 17px; font-weight: 650; overflow-wrap: anywhere; }
.anew { font-size: 13px; padding: 8px; border-radius: 8px; text-decoration: underline; text-underline-offset: 2px; }
.plain { width: 40px; height: 40px; display: grid; place-items: center; border-radius: 10px; }
.plain:hover, .anew:hover { background: rgb(0 0 0 / 14%); }
.notice { padding: 8px 18px; font-size: 14px; background: var(--soft); border-bottom: 1px solid var(--line); }
.notice.warn { background: var(--warn-soft); color: var(--warn); }
.scroll { flex: 1; min-height: 0; overflow-y: auto; overscroll-behavior: contain; padding: 16px 16px 8px; display: flex; flex-direction: column; gap: 10px; }
.scroll:focus-visible { outline-offset: -3px; }
.greeting { align-self: flex-start; max-width: 85%; padding: 10px 14px; background: var(--soft); border-radius: 4px 16px 16px; white-space: pre-wrap; overflow-wrap: anywhere; }
ol { list-style: none; display: flex; flex-direction: column; gap: 10px; }
li { display: flex; flex-direction: column; align-items: flex-start; gap: 2px; max-width: 85%; position: relative; }
li.visitor { align-self: flex-end; align-items: flex-end; }
.bubble { padding: 10px 14px; border-radius: 4px 16px 16px; background: var(--soft); white-space: pre-wrap; overflow-wrap: anywhere; }
.visitor .bubble { background: var(--colour); color: var(--ink); border-radius: 16px 16px 4px; }
.sending .bubble, .waiting .bubble { opacity: .7; }
.bubble a { color: inherit; }
.bubble em { opacity: .8; }
.below { display: flex; gap: 8px; align-items: center; font-size: 12px; color: var(--muted); padding: 0 4px; }
.failed .below, .refused .below { color: #c81e1e; font-weight: 600; }
@media (prefers-color-scheme: dark) { .failed .below, .refused .below { color: #ff9b9b; } }
.again, .earlier { color: inherit; font-weight: 600; text-decoration: underline; text-underline-offset: 2px; padding: 6px 4px; border-radius: 6px; }
.earlier { align-self: center; font-size: 14px; color: var(--muted); }
.typing { align-self: flex-start; display: flex; gap: 4px; padding: 14px; border-radius: 4px 16px 16px; background: var(--soft); position: relative; }
.typing i { width: 7px; height: 7px; border-radius: 50%; background: var(--muted); animation: blink 1.2s infinite; }
.typing i:nth-of-type(2) { animation-delay: .2s; }
.typing i:nth-of-type(3) { animation-delay: .4s; }
@keyframes blink { 0%, 60%, 100% { opacity: .3; } 30% { opacity: 1; } }
form { display: flex; gap: 8px; align-items: flex-end; padding: 10px 12px; border-top: 1px solid var(--line); }
textarea { flex: 1; min-width: 0; resize: none; padding: 10px 14px; max-height: 120px; border: 1px solid var(--line); border-radius: 22px; background: var(--paper); line-height: 1.4; }
textarea::placeholder { color: var(--muted); opacity: 1; }
.send { flex: none; width: 44px; height: 44px; border-radius: 50%; display: grid; place-items: center; background: var(--colour); color: var(--ink); }
.send:disabled { opacity: .45; cursor: default; }
.send svg { width: 20px; height: 20px; }
@media (max-width: 480px) {
  .panel { inset: 0; width: auto; height: 100dvh; border: 0; border-radius: 0; }
  :host(.open) .launcher { display: none; }
  form { padding-bottom: max(10px, env(safe-area-inset-bottom)); }
}
@media (prefers-reduced-motion: reduce) { *, *::before { animation: none !important; transition: none !important; } }
`;
  const style = new CSSStyleSheet(); /* no style element: a page's policy for styles is not met */
  style.replaceSync(STYLE);
  root.adoptedStyleSheets = [style];

  notice();
  render();
  function begin() {
    document.body.append(host);
    try {
      if (memory.token && sessionStorage.getItem(store)) open({ byVisitor: false });
    } catch { /* as above */ }
  }
  if (document.body) begin();
  else document.addEventListener("DOMContentLoaded", begin);
})("PROSA_CHAT");
