// Ties the page together: the list, the open chat, the panels and the news from the server.

import { listen, post } from "./api.js";
import * as composer from "./composer.js";
import { avatar, byId, contactLine, icon, listTime, make, phone, preview, tick, toast } from "./format.js";
import * as messages from "./messages.js";
import * as panels from "./panels.js";
import { choosePerson, load, markSeen, me, openChat, openUser, state, takeMessage, unread } from "./state.js";

const app = byId("app");
// A business that stops typing without a word is forgotten after this.
const TYPING_LASTS_MS = 25000;
let viewing;

function renderMe() {
  const person = me();
  const button = byId("me");
  if (state.stranger) {
    button.replaceChildren(make("span", { className: "avatar" }, icon("add")), make("span", { className: "names" }, make("strong", { textContent: "Pessoa desconhecida" }), make("small", { textContent: "escolha quem escreve" })));
    button.setAttribute("aria-label", "Pessoa desconhecida. Escolher quem escreve");
    return;
  }
  if (!person) {
    button.replaceChildren(make("span", { className: "avatar" }, icon("add")), make("span", { className: "names" }, make("strong", { textContent: "Criar uma pessoa" }), make("small", { textContent: "quem vai escrever?" })));
    return;
  }
  button.replaceChildren(avatar(person.name, person.key),
    make("span", { className: "names" }, make("strong", {}, person.name, icon("more")), make("small", { textContent: contactLine(person) })));
  button.setAttribute("aria-label", `Você é ${person.name}. Trocar de pessoa`);
}

function renderList() {
  const at = (user) => state.lasts.get(user.id)?.at || 0;
  const users = [...state.users.values()].sort((one, two) => at(two) - at(one) || one.name.localeCompare(two.name));
  byId("list-empty").hidden = users.length > 0;
  byId("chat-list").hidden = users.length === 0;
  byId("chat-list").replaceChildren(...users.map((user) => make("li", {}, chatItem(user))));
}

function chatItem(user) {
  const last = state.lasts.get(user.id);
  const n = unread(user.id);
  const picture = avatar(user.name, user.id);
  const presence = make("span", { className: "presence" });
  presence.classList.toggle("on", user.state === "online");
  picture.append(presence);
  const button = make("button", { type: "button", className: "chat-item", testid: `chat-${user.name}` }, picture,
    make("span", { className: "name", textContent: user.name }),
    make("span", { className: "time", textContent: last ? listTime(last.at) : "" }),
    lastLine(user, last));
  if (n) button.append(make("span", { className: "badge", testid: "unread", textContent: String(n), "aria-label": `${n} não lidas` }));
  button.classList.toggle("unread", n > 0);
  if (user.id === state.open) button.setAttribute("aria-current", "true");
  button.addEventListener("click", () => show(user.id));
  return button;
}

function lastLine(user, last) {
  const typing = state.typing.get(user.id);
  if (typing) return make("span", { className: "last typing" }, make("span", { textContent: typing.media === "audio" ? "gravando áudio…" : "digitando…" }));
  if (user.state !== "online") return make("span", { className: "last" }, make("span", { textContent: panels.stateWords(user) }));
  if (!last) return make("span", { className: "last" }, make("span", { textContent: phone(user.phone) }));
  return make("span", { className: "last" }, last.side === "contact" && !last.deleted ? tick(last) : null, make("span", { textContent: preview(last) }));
}

function renderHeader() {
  const user = openUser();
  byId("chat-open").hidden = !user;
  byId("chat-empty").hidden = Boolean(user) || Boolean(state.stranger);
  byId("chat-stranger").hidden = Boolean(user) || !state.stranger;
  byId("stranger").textContent = state.stranger;
  panels.renderDevice();
  if (!user) return;
  byId("chat-name").textContent = user.name;
  const typing = state.typing.get(user.id);
  const online = user.state === "online" ? phone(user.phone) : panels.stateWords(user);
  byId("chat-state").textContent = typing ? (typing.media === "audio" ? "gravando áudio…" : "digitando…") : online;
  const picture = avatar(user.name, user.id);
  picture.id = "chat-avatar";
  byId("chat-avatar").replaceWith(picture);
  renderNotice(user);
}

function renderNotice(user) {
  const faults = panels.activeFaults();
  const notice = byId("notice");
  notice.hidden = user.state === "online" && faults.length === 0;
  if (user.state === "online") {
    notice.replaceChildren(make("span", { textContent: `Falhas ligadas: ${faults.join(", ")}.` }));
    return;
  }
  const words = {
    qr: "Este número espera que o dono leia o QR code.",
    dropped: "O número perdeu a conexão. O que você escrever espera ele voltar.",
    banned: "O WhatsApp suspendeu este número.",
    replaced: "Outro programa usa este número. O sistema só percebe se perguntar.",
  }[user.state] || "Este número está desconectado. O que você escrever espera ele voltar.";
  const action = { qr: ["scan", "Ler o QR code"], dropped: ["resume", "Reconectar"], banned: ["resume", "Suspender o bloqueio"], replaced: ["resume", "Reconectar"] }[user.state];
  notice.replaceChildren(make("span", { textContent: words }));
  if (action) notice.append(panels.actionButton(user, ...action, "notice"));
}

function renderAll() {
  renderMe();
  renderList();
  renderHeader();
  messages.renderAll();
  panels.renderFaults();
  panels.renderPeople(choose);
}

const attempt = (work) => work.catch((error) => toast(error.message));

async function show(userId) {
  if (!state.me) { panels.openPeople(); return; }
  composer.cancelRecording();
  composer.setContext(null);
  byId("composer").value = "";
  const loading = attempt(openChat(userId));
  app.dataset.view = userId ? "chat" : "list";
  renderAll();
  composer.resize();
  if (userId && matchMedia("(hover: hover)").matches) byId("composer").focus();
  await loading;
  renderAll();
  tellViewed();
}

const viewWithoutChat = () => (state.stranger ? "chat" : "list");

async function choose(key) {
  await attempt(choosePerson(key));
  if (!state.open && app.dataset.view === "chat") app.dataset.view = "list";
  renderAll();
  tellViewed();
}

// Reading happens when the chat is on screen.
function tellViewed() {
  clearTimeout(viewing);
  if (!state.open || document.hidden) return;
  viewing = setTimeout(() => {
    markSeen();
    post("view", { user: state.open, contact: state.me }).catch(() => {});
  }, 400);
}

function onMessage(message) {
  const what = takeMessage(message);
  if (!what) return;
  if (what === "new") messages.add(message);
  if (what === "changed") messages.change(message);
  if (what === "new" && message.side === "business") { tellViewed(); markSeen(); }
  renderList();
  if (what === "new") renderHeader();
}

function onTyping(news) {
  if (news.chat !== state.me) return;
  const known = state.typing.get(news.user_id);
  clearTimeout(known?.timer);
  state.typing.delete(news.user_id);
  if (news.state === "composing") {
    const timer = setTimeout(() => onTyping({ ...news, state: "paused" }), TYPING_LASTS_MS);
    state.typing.set(news.user_id, { media: news.media, timer });
  }
  renderList();
  if (news.user_id === state.open) { renderHeader(); messages.renderTyping(); }
}

async function reload() {
  await attempt(load());
  if (state.open && !state.users.has(state.open)) await openChat("");
  if (!state.open) app.dataset.view = app.dataset.view === "faults" ? "faults" : viewWithoutChat();
  renderAll();
}

function toggleFaults(open) {
  app.dataset.faults = open ? "open" : "closed";
  app.dataset.view = open ? "faults" : state.open ? "chat" : "list";
}

let wasOpen = true;
function onConnection(open) {
  const line = byId("connection");
  line.textContent = open ? "Simulador conectado. Nada vai ao WhatsApp de verdade." : "Sem contato com o simulador. Tentando de novo…";
  line.classList.toggle("bad", !open);
  if (open && !wasOpen) reload();
  wasOpen = open;
}

function start() {
  composer.start();
  panels.start(choose);
  messages.setMenu(panels.openMenu);
  for (const id of ["me", "stranger-choose"]) byId(id).addEventListener("click", panels.openPeople);
  byId("back").addEventListener("click", () => show(""));
  for (const id of ["faults-open", "faults-open-chat"]) byId(id).addEventListener("click", () => toggleFaults(app.dataset.faults !== "open" || app.dataset.view !== "faults" && matchMedia("(max-width: 759px)").matches));
  byId("faults-close").addEventListener("click", () => toggleFaults(false));
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && app.dataset.faults === "open" && !document.querySelector("dialog[open]") && event.target !== byId("composer")) toggleFaults(false);
  });
  document.addEventListener("visibilitychange", () => { renderList(); tellViewed(); });
  listen({
    message: onMessage,
    typing: onTyping,
    user: (user) => { state.users.set(user.id, user); renderList(); renderHeader(); },
    contact: (contact) => { state.contacts.set(contact.key, contact); panels.renderPeople(choose); if (!state.me && (!state.stranger || state.stranger === contact.key)) choose(contact.key); else renderMe(); },
    faults: (faults) => { state.faults = faults; panels.renderFaults(); renderHeader(); },
    settings: (settings) => { state.settings = settings; panels.renderFaults(); },
    reload,
  }, onConnection);
}

// ?numero=… (name, token, phone or id) opens a chat, ?contato=… takes a person's phone.
function wantedUser() {
  const wanted = new URLSearchParams(location.search).get("numero");
  return [...state.users.values()].find((user) => wanted && [user.id, user.name, user.token, user.phone].includes(wanted));
}

start();
await attempt(load());
const first = wantedUser();
if (first && !state.stranger) await show(first.id);
else {
  app.dataset.view = viewWithoutChat();
  renderAll();
}
app.dataset.ready = "true";
