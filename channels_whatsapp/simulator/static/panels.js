// Dialogs and the faults panel: who holds the phone, what goes wrong, what a message is.

import { post } from "./api.js";
import { setContext } from "./composer.js";
import { avatar, byId, contactLine, exact, make, preview, tickLabel, toast } from "./format.js";
import { openUser, state } from "./state.js";

const EMOJIS = ["👍", "❤️", "😂", "😮", "😢", "🙏"];
const target = () => ({ user: state.open, contact: state.me });
const attempt = (work) => work.catch((error) => toast(error.message));

// Each switch: the faults it sets when on; off sets zero.
const SWITCHES = {
  "switches-out": [
    ["slow", "Lento", "cada envio espera 3 segundos", { send_delay_s: 3 }],
    ["error", "Erro 500", "nenhuma mensagem sai", { fail_next: -1 }],
    ["dropped", "Resposta perdida", "a mensagem sai, mas a conexão cai antes da resposta", { drop_answer_next: -1 }],
  ],
  "switches-in": [
    ["duplicate", "Duplicado", "cada webhook chega duas vezes", { duplicate_webhooks: 1 }],
    ["disorder", "Fora de ordem", "cada webhook espera até 3 segundos ao acaso", { shuffle_s: 3 }],
    ["lost", "Webhook perdido", "nenhum webhook é entregue", { lose_webhooks_next: -1 }],
  ],
};
const MODES = [
  ["auto", "Automáticas", "entregue e lida em seguida"],
  ["on_view", "Ao abrir a conversa", "lida quando você a vê aqui"],
  ["manual", "Desligadas", "o celular não confirma nada"],
];
const STATES = {
  online: "conectado",
  qr: "esperando a leitura do QR code",
  dropped: "sem conexão com o WhatsApp; tentando de novo",
  absent: "desconectado",
  replaced: "em uso por outro programa",
  banned: "suspenso pelo WhatsApp",
};

export const stateWords = (user) => STATES[user.state] || user.state;

function everybody() { return state.faults[""] || {}; }

export function activeFaults() {
  const faults = everybody();
  return Object.values(SWITCHES).flat().filter(([, , , values]) => Object.keys(values).some((name) => faults[name] !== 0 && faults[name] !== undefined)).map(([, label]) => label.toLowerCase());
}

export function renderFaults() {
  const active = new Set(activeFaults());
  for (const [, label] of Object.values(SWITCHES).flat()) {
    const input = document.querySelector(`input[data-fault="${CSS.escape(label)}"]`);
    if (input) input.checked = active.has(label.toLowerCase());
  }
  for (const dot of document.querySelectorAll(".icon-button .dot")) dot.hidden = active.size === 0;
  for (const input of document.querySelectorAll("input[name=receipts]")) input.checked = input.value === state.settings.receipts;
}

export function renderDevice() {
  const user = openUser();
  byId("device").hidden = !user;
  byId("owner").hidden = !user || user.state !== "online";
  if (!user) return;
  byId("device-name").textContent = user.name;
  byId("device-state").textContent = `Agora: ${stateWords(user)}.`;
  const actions = {
    online: [["drop", "Derrubar conexão"], ["logout-from-phone", "Desconectar pelo celular"]],
    dropped: [["resume", "Reconectar"]],
    replaced: [["resume", "Reconectar"]],
    banned: [["resume", "Suspender o bloqueio"]],
    qr: [["scan", "Ler o QR code"]],
    absent: user.paired ? [["resume", "Reconectar"]] : [["connect", "Conectar"]],
  }[user.state] || [];
  byId("device-actions").replaceChildren(...actions.map(([name, label]) => actionButton(user, name, label)));
}

export function actionButton(user, name, label, place = "device") {
  const button = make("button", { type: "button", className: "button", textContent: label, testid: `${place}-${name}` });
  button.addEventListener("click", () => attempt(post(`users/${user.id}/${name}`)));
  return button;
}

function switchRow([name, label, hint, values]) {
  const input = make("input", { type: "checkbox", testid: `fault-${name}`, role: "switch" });
  input.dataset.fault = label;
  input.addEventListener("change", () => {
    const changes = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, input.checked ? value : 0]));
    attempt(post("faults", changes));
  });
  return make("label", { className: "switch" }, make("span", {}, label, make("small", { textContent: hint })), input);
}

function modeRow([value, label, hint]) {
  const input = make("input", { type: "radio", name: "receipts", value, testid: `receipts-${value}` });
  input.addEventListener("change", () => attempt(post("settings", { receipts: value })));
  return make("label", {}, input, make("span", {}, label, make("small", { textContent: hint })));
}

// People

export function renderPeople(choose) {
  byId("people-list").replaceChildren(...[...state.contacts.values()].map((contact) => {
    const button = make("button", { type: "button", className: "person", testid: `contact-${contact.key}`, "aria-pressed": String(contact.key === state.me) },
      avatar(contact.name, contact.key),
      make("span", {}, make("b", { textContent: contact.name }), make("small", { textContent: contactLine(contact) })));
    button.addEventListener("click", () => { byId("people").close(); choose(contact.key); });
    return make("li", {}, button);
  }));
}

export function openPeople() {
  const phone = `55119${String(Math.floor(Math.random() * 1e8)).padStart(8, "0")}`;
  byId("person-form").reset();
  byId("person-phone").value = phone;
  byId("people").showModal();
}

function startPeople(choose) {
  byId("person-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const body = {
      name: byId("person-name").value.trim(),
      phone: byId("person-phone").value.replace(/\D/g, ""),
      phone_hidden: byId("person-lid").checked,
    };
    attempt(post("contacts", body).then(({ contact }) => {
      state.contacts.set(contact.key, contact);
      byId("people").close();
      return choose(contact.key);
    }));
  });
}

// One message

export function openMenu(seq) {
  const message = state.messages.get(seq);
  if (!message || byId("message-menu").open) return;
  const dialog = byId("message-menu");
  const own = message.side === "contact";
  byId("reactions").hidden = message.deleted;
  byId("reactions").replaceChildren(...EMOJIS.map((emoji) => {
    const chosen = message.reactions.contact === emoji;
    const button = make("button", { type: "button", textContent: emoji, "aria-label": `Reagir com ${emoji}`, "aria-pressed": String(chosen) });
    button.addEventListener("click", () => { dialog.close(); attempt(post("react", { ...target(), id: message.id, emoji: chosen ? "" : emoji })); });
    return button;
  }));
  const entries = [
    [!message.deleted, "reply", "Responder", () => setContext({ kind: "reply", message })],
    [own && message.kind === "text" && !message.deleted, "edit", "Editar", () => setContext({ kind: "edit", message })],
    [own && !message.deleted, "repeat", "Entregar outra vez (mesmo id)", () => attempt(post("contact-sends", { ...target(), kind: message.kind === "text" ? "text" : message.kind, text: message.text, id: message.id }))],
    [true, "details", "Detalhes", () => openDetails(message)],
    [own && !message.deleted, "delete", "Apagar para todos", () => attempt(post("delete", { ...target(), id: message.id }))],
  ];
  byId("message-actions").replaceChildren(...entries.filter(([wanted]) => wanted).map(([, name, label, act]) => {
    const button = make("button", { type: "button", textContent: label, testid: `menu-${name}` });
    button.classList.toggle("danger", name === "delete");
    button.addEventListener("click", () => { dialog.close(); act(); });
    return button;
  }));
  dialog.showModal();
}

function openDetails(message) {
  const business = { sent: "enviada", delivered: "entregue ao celular", read: "lida" };
  const origins = { contact: "você", api: "o sistema, pela ponte", owner: "o dono do número, pelo celular" };
  const rows = [
    ["Conteúdo", preview(message)],
    ["De", origins[message.origin]],
    ["Hora", exact(message.at)],
    ["Situação", message.side === "contact" ? tickLabel(message) : business[message.status]],
    ["Repetições", String(message.repeats)],
    ["Identificador", message.id],
  ];
  byId("details-list").replaceChildren(...rows.flatMap(([term, value]) => [make("dt", { textContent: term }), make("dd", { textContent: value })]));
  byId("details").showModal();
}

export function start(choose) {
  for (const [id, switches] of Object.entries(SWITCHES)) byId(id).append(...switches.map(switchRow));
  byId("receipt-modes").append(...MODES.map(modeRow));
  startPeople(choose);
  byId("owner-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = byId("owner-text").value.trim();
    if (!text) return;
    byId("owner-text").value = "";
    attempt(post("owner-sends", { ...target(), text }));
  });
  const reset = byId("reset");
  reset.addEventListener("click", () => {
    // Asked twice in place, so that one slip of the finger erases nothing.
    if (reset.dataset.armed) attempt(post("reset"));
    reset.dataset.armed = reset.dataset.armed ? "" : "yes";
    reset.textContent = reset.dataset.armed ? "Confirmar: apagar tudo" : "Apagar conversas";
  });
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (event) => { if (event.target === dialog || event.target.closest("[data-close]")) dialog.close(); });
  }
  byId("lightbox").addEventListener("click", () => byId("lightbox").close());
}
