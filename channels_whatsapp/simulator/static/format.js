// Words, dates, colours and small pieces of DOM. Text only ever becomes text nodes.

const SVG = "http://www.w3.org/2000/svg";
const clock = new Intl.DateTimeFormat("pt-BR", { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat("pt-BR", { weekday: "long" });
const fullDate = new Intl.DateTimeFormat("pt-BR", { day: "numeric", month: "long", year: "numeric" });
const shortDate = new Intl.DateTimeFormat("pt-BR", { day: "2-digit", month: "2-digit", year: "2-digit" });
const moment = new Intl.DateTimeFormat("pt-BR", { dateStyle: "short", timeStyle: "medium" });

export const byId = (id) => document.getElementById(id);

export function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "testid") node.dataset.testid = value;
    else if (name.startsWith("aria-") || name === "role") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function icon(name, className = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

function hash(text) {
  let value = 7;
  for (const char of text) value = (value * 31 + char.codePointAt(0)) % 1000003;
  return value;
}

export function avatar(name, seed) {
  const words = name.replace(/[^\p{L}\p{N} ]/gu, " ").trim().split(/\s+/);
  const letters = /^\d/.test(words[0] || "") ? words[0].slice(-2)
    : words.filter((word) => word.length > 2 || words.length < 2).slice(0, 2).map((word) => word[0]).join("");
  const node = make("span", { className: "avatar", textContent: (letters || "?").toUpperCase(), "aria-hidden": "true" });
  node.dataset.tone = hash(seed) % 6;
  return node;
}

export function phone(digits) {
  const brazil = /^55(\d\d)(9?\d{4})(\d{4})$/.exec(digits);
  if (brazil) return `+55 ${brazil[1]} ${brazil[2]}-${brazil[3]}`;
  return digits ? `+${digits}` : "";
}

export const contactLine = (contact) => (contact.phone_hidden ? "telefone escondido (LID)" : phone(contact.phone) || "sem telefone (LID)");
export const time = (at) => clock.format(at);
export const exact = (at) => moment.format(at);
export const duration = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
export const dayKey = (at) => new Date(at).toDateString();

function daysAgo(at) {
  const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((midnight(new Date()) - midnight(new Date(at))) / 86400000);
}

export function day(at) {
  const ago = daysAgo(at);
  if (ago === 0) return "Hoje";
  if (ago === 1) return "Ontem";
  return ago > 0 && ago < 7 ? weekday.format(at) : fullDate.format(at);
}

export function listTime(at) {
  const ago = daysAgo(at);
  if (ago <= 0) return time(at);
  return ago === 1 ? "Ontem" : shortDate.format(at);
}

// WhatsApp's *bold*, _italic_, ~struck~ and links, as nodes.
const MARKS = /(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)])|(?<![\p{L}\p{N}])([*_~])(?=\S)([^\n]*?\S)\2(?![\p{L}\p{N}])/gu;
const TAGS = { "*": "strong", _: "em", "~": "s" };

export function richText(text) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(MARKS)) {
    nodes.push(document.createTextNode(text.slice(from, match.index)));
    nodes.push(match[1]
      ? make("a", { href: match[1], target: "_blank", rel: "noreferrer noopener", textContent: match[1] })
      : make(TAGS[match[2]], {}, ...richText(match[3])));
    from = match.index + match[0].length;
  }
  nodes.push(document.createTextNode(text.slice(from)));
  return nodes;
}

export function preview(message) {
  if (message.deleted) return "Mensagem apagada";
  const words = { image: "Foto", audio: "Nota de voz", video: "Vídeo", document: "Documento", location: "Localização", contact: "Contato", sticker: "Figurinha", poll: "Enquete", vote: "Voto", album: "Álbum", undecryptable: "Aguardando mensagem", buttons_response: "Resposta", list_response: "Resposta" };
  if (message.kind === "text") return message.text;
  if (message.kind === "document" && message.media) return message.media.file_name || "Documento";
  return words[message.kind] + (message.text ? `: ${message.text}` : "");
}

const TICKS = {
  waiting: ["clock", "", "Esperando o número conectar"],
  sent: ["check", "", "Enviada"],
  delivered: ["double", "", "Entregue ao sistema"],
  read: ["double", "read", "Lida"],
  failed: ["alert", "failed", "O sistema não recebeu: todas as tentativas falharam"],
  lost: ["alert", "failed", "Webhook perdido por uma falha ligada"],
};

export function tickState(message) {
  if (message.status === "read") return "read";
  if (["waiting", "failed", "lost"].includes(message.delivery)) return message.delivery;
  return message.status;
}

export function tick(message) {
  const state = tickState(message);
  const [name, className, label] = TICKS[state];
  const node = icon(name, `tick ${className}`);
  node.removeAttribute("aria-hidden");
  node.setAttribute("role", "img");
  node.setAttribute("aria-label", label);
  node.dataset.testid = "tick";
  node.dataset.state = state;
  return node;
}

export const tickLabel = (message) => TICKS[tickState(message)][2];

let hiding;
export function toast(text) {
  const node = byId("toast");
  node.textContent = text;
  node.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { node.hidden = true; }, 4500);
}
