/* Prosa's web chat: what the page knows, and how it asks the server and hears from it.

   First of the parts of one function; `channels_web.services.widget` puts them together and gives it
   `chat`, the settings. Nothing is stored before the visitor writes. */

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

const memory = { token: "" };
function remember(token) {
  memory.token = token;
  try {
    if (token) localStorage.setItem(store, token);
    else localStorage.removeItem(store);
  } catch { /* a browser that keeps nothing: the thread lasts as long as the page */ }
}
function recall() {
  try {
    memory.token ||= localStorage.getItem(store) || "";
  } catch { /* as above */ }
}
recall();

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
  leave();
}

function leave() {
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
      recall(); /* the visitor may have begun in another tab meanwhile */
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
  const { token } = memory;
  const answer = await ask("GET", "messages/");
  const page = answer.ok ? await answer.json() : null;
  if (memory.token !== token) return false; /* the thread was left meanwhile */
  if (answer.status === 401) {
    forget();
    render();
    return false;
  }
  if (answer.status === 410) switchedOff();
  if (!page) return false;
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

/* Listen for what follows a message: at once where somebody listens, else when it is written, which
   takes long where many write: a page that gave up would not show the answer. */
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
  for (let attempt = 0; attempt < 150 && isWanted() && !notices.off; attempt += 1) {
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
  const { token } = memory;
  write(ui.earlier, words.loading);
  try {
    const answer = await ask("GET", `messages/?cursor=${encodeURIComponent(earlier)}`);
    const page = answer.ok ? await answer.json() : null;
    if (page && memory.token === token) {
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
