// The bubbles of the open conversation.

import { mediaUrl } from "./api.js";
import { avatar, byId, day, dayKey, duration, icon, make, preview, richText, tick, time } from "./format.js";
import { state } from "./state.js";

const list = byId("messages");
const rows = new Map();
const LONG_PRESS_MS = 450;
let onMenu = () => {};

export function setMenu(handler) { onMenu = handler; }

const atBottom = () => list.scrollHeight - list.scrollTop - list.clientHeight < 90;
export function scrollDown() { list.scrollTop = list.scrollHeight; }

export function renderAll() {
  rows.clear();
  list.replaceChildren();
  for (const message of state.messages.values()) append(message, false);
  renderTyping();
  scrollDown();
}

function append(message, fresh) {
  const previous = [...rows.keys()].at(-1);
  const before = previous === undefined ? null : state.messages.get(previous);
  const newDay = !before || dayKey(before.at) !== dayKey(message.at);
  if (newDay) list.append(make("li", { className: "day", textContent: day(message.at) }));
  const first = newDay || before.side !== message.side;
  const row = rowOf(message, first, fresh);
  rows.set(message.seq, row);
  list.append(row);
}

export function add(message) {
  const follow = atBottom() || message.side === "contact";
  byId("typing-row")?.remove();
  append(message, true);
  renderTyping();
  if (follow) scrollDown();
}

export function change(message) {
  const old = rows.get(message.seq);
  if (!old) return;
  const follow = atBottom();
  const row = rowOf(message, old.classList.contains("first"), false);
  rows.set(message.seq, row);
  // A playing voice note goes on: only what is around it is renewed.
  const player = old.querySelector(".voice");
  const place = row.querySelector(".voice");
  if (player && place) place.replaceWith(player);
  old.replaceWith(row);
  if (follow) scrollDown();
}

export function renderTyping() {
  byId("typing-row")?.remove();
  const typing = state.typing.get(state.open);
  if (!typing) return;
  const follow = atBottom();
  const label = typing.media === "audio" ? "gravando áudio" : "digitando";
  const bubble = make("div", { className: "bubble", role: "img", "aria-label": label }, make("i"), make("i"), make("i"));
  list.append(make("li", { id: "typing-row", className: "row in first typing", testid: "typing" }, bubble));
  if (follow) scrollDown();
}

function rowOf(message, first, fresh) {
  const mine = message.side === "contact";
  const row = make("li", { className: `row ${mine ? "out" : "in"}` });
  row.classList.toggle("first", first);
  const bubble = make("div", { className: "bubble", testid: mine ? "bubble-out" : "bubble-in" });
  bubble.dataset.id = message.id;
  bubble.classList.toggle("fresh", fresh);
  bubble.classList.toggle("deleted", message.deleted);
  bubble.classList.toggle("edited", message.edited && !message.deleted);
  bubble.append(...contentOf(message));
  bubble.classList.toggle("no-text", !bubble.querySelector(":scope > .text"));
  if (isPaced(message, mine)) bubble.classList.add("paced");
  bubble.append(metaOf(message, mine));
  if (message.repeats) {
    const times = message.repeats + 1;
    bubble.append(make("span", { className: "repeats", testid: "repeats", textContent: `recebida ${times} vezes` }));
  }
  const emojis = Object.values(message.reactions);
  if (emojis.length && !message.deleted) {
    row.classList.add("reacted");
    bubble.append(make("span", { className: "reaction", testid: "reaction", textContent: emojis.join("") }));
  }
  addMenu(bubble, message);
  row.append(bubble);
  return row;
}

const isPaced = (message, mine) => !mine && message.gap_s >= 0 && message.gap_s < 60;

function metaOf(message, mine) {
  const words = message.edited && !message.deleted ? `Editada ${time(message.at)}` : time(message.at);
  const meta = make("span", { className: "meta" }, make("span", { textContent: words }));
  if (isPaced(message, mine)) {
    const gap = `+${message.gap_s.toFixed(1).replace(".", ",")} s`;
    meta.append(make("span", { className: "gap", testid: "gap", textContent: gap }));
  }
  if (mine && !message.deleted) meta.append(tick(message));
  return meta;
}

function contentOf(message) {
  if (message.deleted) return [make("div", { className: "text" }, icon("ban"), "Mensagem apagada")];
  const nodes = [];
  if (message.origin === "owner") nodes.push(make("span", { className: "origin", textContent: "pelo celular da empresa" }));
  if (message.quoted_id) nodes.push(quoteOf(message));
  const special = { image: photo, audio: voice, location: place, document: file, video: file, contact: card, sticker, poll }[message.kind];
  if (special) nodes.push(special(message));
  const said = { vote: `Voto: ${message.options.join(", ")}`, undecryptable: "Aguardando mensagem", album: "Álbum" }[message.kind];
  if (said) nodes.push(make("div", { className: "text" }, said));
  if (message.forwarded) nodes.unshift(make("span", { className: "origin", textContent: "Encaminhada" }));
  if (message.view_once) nodes.unshift(make("span", { className: "origin", textContent: "Visualização única" }));
  if (message.expires_s) nodes.unshift(make("span", { className: "origin", textContent: "Temporária" }));
  if (message.text && !["contact", "poll"].includes(message.kind)) nodes.push(make("div", { className: "text" }, ...richText(message.text)));
  return nodes;
}

function quoteOf(message) {
  const found = [...state.messages.values()].find((one) => one.id === message.quoted_id);
  // What the API sends shows the words that came with it, even where there are none.
  const words = message.origin === "api" ? message.quoted_text : found ? preview(found) : "Mensagem anterior";
  const who = found && found.side === "contact" ? "Você" : "Número da empresa";
  const quote = make("button", { type: "button", className: "quote" },
    make("b", { textContent: who }), make("span", { textContent: words }));
  if (found) quote.addEventListener("click", () => rows.get(found.seq)?.scrollIntoView({ block: "center", behavior: "smooth" }));
  return quote;
}

function photo(message) {
  const url = mediaUrl(message.media.url);
  const image = make("img", { src: url, alt: message.text || "Foto", loading: "lazy" });
  // Pictures arrive after the scroll to the end was made.
  image.addEventListener("load", () => { if (list.scrollHeight - list.scrollTop - list.clientHeight < 420) scrollDown(); });
  const button = make("button", { type: "button", className: "photo", "aria-label": "Ampliar foto" }, image);
  button.addEventListener("click", () => {
    byId("lightbox-image").src = url;
    byId("lightbox").showModal();
  });
  return button;
}

function place(message) {
  const { latitude, longitude } = message;
  const href = `https://www.openstreetmap.org/?mlat=${latitude}&mlon=${longitude}#map=16/${latitude}/${longitude}`;
  return make("a", { className: "place", href, target: "_blank", rel: "noreferrer noopener" },
    make("div", { className: "map" }, icon("pin")),
    make("div", { className: "label" }, message.place || "Localização",
      make("small", { textContent: `${latitude.toFixed(5)}, ${longitude.toFixed(5)}` })));
}

function file(message) {
  const name = message.media.file_name || preview({ ...message, text: "" });
  return make("a", { className: "file", href: mediaUrl(message.media.url), download: name }, icon("file"), name);
}

function sticker(message) {
  return make("img", { src: mediaUrl(message.media.url), alt: "Figurinha", width: 96, height: 96, loading: "lazy" });
}

function poll(message) {
  return make("div", { className: "text" }, make("b", { textContent: message.text }), ...message.options.map((name) => make("div", { textContent: `○ ${name}` })));
}

function card(message) {
  return make("div", { className: "file" }, avatar(message.text, message.text), message.text);
}

let playing = null;
function voice(message) {
  const audio = new Audio();
  audio.preload = "none";
  audio.src = mediaUrl(message.media.url);
  const bars = make("div", { className: "bars" });
  for (let index = 0; index < 34; index += 1) {
    const bar = make("i");
    const code = message.id.charCodeAt(index % message.id.length) * (index + 3);
    bar.style.height = `${22 + (code % 78)}%`;
    bars.append(bar);
  }
  const length = make("span", { className: "length", textContent: duration(message.media.seconds) });
  const button = make("button", { type: "button", "aria-label": "Tocar nota de voz" }, icon("play"));
  const show = (running) => {
    button.replaceChildren(icon(running ? "pause" : "play"));
    button.setAttribute("aria-label", running ? "Pausar nota de voz" : "Tocar nota de voz");
  };
  button.addEventListener("click", () => {
    if (!audio.paused) { audio.pause(); return; }
    if (playing && playing !== audio) playing.pause();
    playing = audio;
    audio.play().catch(() => { length.textContent = "sem som"; });
  });
  audio.addEventListener("play", () => show(true));
  audio.addEventListener("pause", () => show(false));
  audio.addEventListener("timeupdate", () => {
    const total = Number.isFinite(audio.duration) ? audio.duration : message.media.seconds || 1;
    [...bars.children].forEach((bar, index) => bar.classList.toggle("played", index / 34 < audio.currentTime / total));
    length.textContent = duration(audio.currentTime);
  });
  return make("div", { className: "voice" }, button, bars, length);
}

function addMenu(bubble, message) {
  const button = make("button", { type: "button", className: "bubble-menu", testid: "bubble-menu", "aria-label": "Opções da mensagem" }, icon("more"));
  button.addEventListener("click", () => onMenu(message.seq));
  bubble.append(button);
  bubble.addEventListener("contextmenu", (event) => { event.preventDefault(); onMenu(message.seq); });
  bubble.addEventListener("dblclick", () => onMenu(message.seq));
  let pressed;
  bubble.addEventListener("touchstart", () => { pressed = setTimeout(() => onMenu(message.seq), LONG_PRESS_MS); }, { passive: true });
  for (const end of ["touchend", "touchmove", "touchcancel"]) bubble.addEventListener(end, () => clearTimeout(pressed), { passive: true });
}
