// What the page knows: numbers, people, chats of the person in hand, and what is on screen.

import { get } from "./api.js";

export const state = {
  users: new Map(),
  contacts: new Map(),
  lasts: new Map(),
  counts: new Map(),
  typing: new Map(),
  messages: new Map(),
  faults: {},
  settings: {},
  me: "",
  stranger: "", // whom the address names, and the simulator does not know
  open: "",
};

// Private windows may refuse storage; the page works without it.
function remember(key, value) { try { localStorage.setItem(`simulator.${key}`, value); } catch { /* fine */ } }
function recall(key) { try { return localStorage.getItem(`simulator.${key}`) || ""; } catch { return ""; } }

const inMyChat = (message) => message.chat === state.me;
export const openUser = () => state.users.get(state.open);
export const me = () => state.contacts.get(state.me);

export async function load() {
  const found = await get("state");
  state.users = new Map(found.users.map((user) => [user.id, user]));
  state.contacts = new Map(found.contacts.map((contact) => [contact.key, contact]));
  state.faults = found.faults;
  state.settings = found.settings;
  const wanted = new URLSearchParams(location.search).get("contato");
  if (!state.contacts.has(state.me)) {
    // Nobody else's chats in place of those that were asked for.
    state.stranger = wanted && !state.contacts.has(wanted) ? wanted : "";
    state.me = state.stranger ? "" : [wanted, recall("me"), ...state.contacts.keys()].find((key) => state.contacts.has(key)) || "";
  }
  readChats(found.chats);
  if (state.open) await loadMessages();
}

function readChats(chats) {
  state.lasts.clear();
  state.counts.clear();
  for (const chat of chats.filter((item) => item.chat === state.me)) {
    state.lasts.set(chat.user_id, chat.last);
    state.counts.set(chat.user_id, chat.n_business);
  }
}

export async function choosePerson(key) {
  state.me = key;
  state.stranger = "";
  remember("me", key);
  state.typing.clear();
  readChats((await get(`state?contact=${encodeURIComponent(key)}`)).chats);
  if (state.open) await loadMessages();
}

export async function openChat(userId) {
  state.open = userId;
  state.messages.clear();
  if (userId) await loadMessages();
}

// News that arrives while a chat is being read is newer than what is read.
let meanwhile = null;

async function loadMessages() {
  const [user, chat] = [state.open, state.me];
  const news = new Map();
  meanwhile = news;
  const found = await get(`messages?${new URLSearchParams({ user, chat })}`);
  // Another chat or a later reading has taken over.
  if (user !== state.open || chat !== state.me || meanwhile !== news) return;
  state.messages = new Map(found.messages.map((message) => [message.seq, message]));
  for (const message of news.values()) state.messages.set(message.seq, message);
  meanwhile = null;
  markSeen();
}

// Returns "new", "changed" or "" for a message of somebody else.
export function takeMessage(message) {
  if (!inMyChat(message)) return "";
  const last = state.lasts.get(message.user_id);
  const isNew = !last || message.seq > last.seq;
  if (isNew || last.seq === message.seq) state.lasts.set(message.user_id, message);
  if (isNew && message.side === "business") {
    state.counts.set(message.user_id, (state.counts.get(message.user_id) || 0) + 1);
    state.typing.delete(message.user_id);
  }
  if (message.user_id !== state.open) return "elsewhere";
  meanwhile?.set(message.seq, message);
  const known = state.messages.has(message.seq);
  state.messages.set(message.seq, message);
  return known ? "changed" : "new";
}

export function markSeen() {
  if (state.open) remember(`seen.${state.open}.${state.me}`, state.counts.get(state.open) || 0);
}

export function unread(userId) {
  if (userId === state.open && !document.hidden) return 0;
  return Math.max(0, (state.counts.get(userId) || 0) - Number(recall(`seen.${userId}.${state.me}`)));
}
