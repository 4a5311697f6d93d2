/* The page: a button and a dialog in a shadow of their own, so that neither style meets.

   All that is shown goes in as text, never as markup: what an agent, a person or a visitor has
   written can't become anything else. */

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
  recall();
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
/* Another tab has started anew, or begun: one browser has one thread. */
window.addEventListener("storage", (event) => {
  const token = event.newValue ?? "";
  if ((event.key !== store && event.key !== null) || token === memory.token) return;
  if (memory.token) leave(); /* without a thread there is only what could not be sent yet */
  memory.token = token;
  notices.hands = "";
  notice();
  render();
  resume();
});
window.addEventListener("online", resume);
window.addEventListener("offline", () => connected(false));

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
