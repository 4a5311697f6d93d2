// Writing: bursts with Enter, typing signals, attachments, voice notes, edits and replies.

import { post } from "./api.js";
import { byId, duration, preview, toast } from "./format.js";
import { state } from "./state.js";

const field = byId("composer");
const file = byId("file");
const COMPOSING_EVERY_MS = 3000;
const PAUSE_AFTER_MS = 4000;
// WhatsApp's own limit for pictures and sounds.
const MAX_FILE_BYTES = 16 * 1024 * 1024;

let acting = null;
let sending = Promise.resolve();
let composingAt = 0;
let pausing;

const target = () => ({ user: state.open, contact: state.me });
const complain = (error) => toast(error.message);

// One after the other, so that a burst arrives in the order in which it was typed.
function inLine(work) {
  sending = sending.then(work).catch(complain);
  return sending;
}

function signal(value, media = "") {
  if (state.open && state.me) post("typing", { ...target(), state: value, media }).catch(() => {});
}

function stopTyping() {
  clearTimeout(pausing);
  if (composingAt) signal("paused");
  composingAt = 0;
}

export function resize() {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight + 2, 136)}px`;
  const writing = field.value.trim() !== "" || recorder !== null;
  byId("send").hidden = !writing;
  byId("mic").hidden = writing;
}

function typed() {
  resize();
  clearTimeout(pausing);
  if (!field.value.trim()) { stopTyping(); return; }
  if (Date.now() - composingAt > COMPOSING_EVERY_MS) {
    composingAt = Date.now();
    signal("composing");
  }
  pausing = setTimeout(stopTyping, PAUSE_AFTER_MS);
}

function submit() {
  if (recorder) { recorder.finish(); return; }
  const text = field.value.trim();
  if (!text || !state.open) return;
  const where = target();
  const what = acting;
  field.value = "";
  clearTimeout(pausing);
  composingAt = 0;
  setContext(null);
  resize();
  field.focus();
  if (what?.kind === "edit") inLine(() => post("edit", { ...where, id: what.message.id, text }));
  else inLine(() => post("contact-sends", { ...where, text, quoted_id: what ? what.message.id : "" }));
}

export function setContext(next) {
  acting = next;
  byId("context").hidden = !next;
  if (!next) return;
  byId("context-title").textContent = next.kind === "edit" ? "Editar mensagem" : "Responder";
  byId("context-text").textContent = preview(next.message);
  if (next.kind === "edit") field.value = next.message.text;
  resize();
  field.focus();
}

export function sendExtra(extra) {
  const where = target();
  return inLine(() => post("contact-sends", { ...where, ...extra }));
}

async function toBase64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let start = 0; start < bytes.length; start += 0x8000) text += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  return btoa(text);
}

async function sendFile(kind, blob, more = {}) {
  if (blob.size > MAX_FILE_BYTES) { toast("Arquivo grande demais: o limite é 16 MB."); return; }
  const data = await toBase64(blob);
  const text = kind === "image" ? field.value.trim() : "";
  if (text) { field.value = ""; resize(); }
  sendExtra({ kind, data, mimetype: blob.type, text, ...more });
}

async function sizeOf(blob) {
  try {
    const bitmap = await createImageBitmap(blob);
    return { width: bitmap.width, height: bitmap.height };
  } catch { return {}; }
}

function secondsOf(blob) {
  return new Promise((resolve) => {
    const audio = new Audio(URL.createObjectURL(blob));
    const done = (seconds) => { URL.revokeObjectURL(audio.src); resolve(Number.isFinite(seconds) ? Math.round(seconds) : 0); };
    audio.onloadedmetadata = () => done(audio.duration);
    audio.onerror = () => done(0);
  });
}

// A drawn prescription: something that a picture reader can find words in.
async function samplePicture() {
  const canvas = document.createElement("canvas");
  canvas.width = 720;
  canvas.height = 540;
  const paint = canvas.getContext("2d");
  paint.fillStyle = "#fdfbf4";
  paint.fillRect(0, 0, 720, 540);
  paint.fillStyle = "#0a7a66";
  paint.fillRect(0, 0, 720, 84);
  paint.fillStyle = "#ffffff";
  paint.font = "600 34px sans-serif";
  paint.fillText("Encaminhamento", 36, 54);
  paint.fillStyle = "#26343c";
  paint.font = "26px sans-serif";
  ["Paciente: Maria Souza", "Solicito avaliação e limpeza.", "Dente sensível ao frio, lado esquerdo.", "Retorno em 15 dias."].forEach((line, index) => paint.fillText(line, 36, 150 + index * 58));
  paint.strokeStyle = "#1d70b8";
  paint.lineWidth = 4;
  paint.beginPath();
  paint.moveTo(410, 455);
  paint.bezierCurveTo(450, 385, 470, 505, 510, 440);
  paint.bezierCurveTo(540, 395, 560, 490, 650, 430);
  paint.stroke();
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.85); });
}

function pick(accept, handler) {
  file.value = "";
  file.accept = accept;
  file.onchange = () => { if (file.files[0]) handler(file.files[0]); };
  file.click();
}

const ATTACH = {
  "image-file": () => pick("image/jpeg,image/png,image/webp,image/gif", async (blob) => sendFile("image", blob, await sizeOf(blob))),
  "image-sample": async () => sendFile("image", await samplePicture(), { width: 720, height: 540 }),
  "audio-file": () => pick("audio/*", async (blob) => sendFile("audio", blob, { seconds: await secondsOf(blob) })),
  "audio-sample": () => sendExtra({ kind: "audio" }),
  document: () => pick("", (blob) => sendFile("document", blob, { file_name: blob.name, mimetype: blob.type || "application/octet-stream" })),
  location: () => byId("location").showModal(),
  "video-file": () => pick("video/*", (blob) => sendFile("video", blob)),
  sticker: () => sendExtra({ kind: "sticker" }),
  contact: () => sendExtra({ kind: "contact", text: "Tomás Reis", vcard: "BEGIN:VCARD\nVERSION:3.0\nN:Reis;Tomás;;;\nFN:Tomás Reis\nTEL;type=CELL;waid=5511987650099:+55 11 98765-0099\nEND:VCARD" }),
  more: () => byId("others").showModal(),
};

const GROUP = "120363041234567890@g.us";

// What the phone does in menus of its own: one form for all of it.
const OTHERS = {
  poll: (text, options) => ({ kind: "poll", text, options }),
  vote: (text, options) => ({ kind: "vote", options: options.slice(0, 1), target: lastPoll() }),
  buttons_response: (text, options) => ({ kind: "buttons_response", text: options[0] || text, options: options.slice(0, 1) }),
  list_response: (text, options) => ({ kind: "list_response", text: options[0] || text, options: options.slice(0, 1) }),
  forwarded: (text) => ({ text, forwarded: true }),
  disappearing: (text) => ({ text, expires_s: 7 * 24 * 3600 }),
  view_once: (text) => ({ kind: "image", text, view_once: true }),
  undecryptable: () => ({ kind: "undecryptable" }),
  group: (text) => ({ text, group: GROUP, mentions: [ownJid()] }),
};

const ownJid = () => `${state.users.get(state.open)?.phone ?? ""}@s.whatsapp.net`;
const lastPoll = () => [...state.messages.values()].filter((message) => message.kind === "poll").at(-1)?.id ?? "";

function sendOther(kind, text, options) {
  if (kind !== "album") { sendExtra(OTHERS[kind](text, options)); return; }
  sendExtra({ kind: "album" });
  sendExtra({ kind: "image", text });
  sendExtra({ kind: "image" });
}

function toggleAttach(open) {
  byId("attach-menu").hidden = !open;
  byId("attach").setAttribute("aria-expanded", String(open));
  if (open) byId("attach-menu").querySelector("button").focus({ preventScroll: true });
}

// The microphone if it may be used, else a silent note of the simulator's own.
let recorder = null;
async function startRecording() {
  let stream = null;
  try { stream = await navigator.mediaDevices.getUserMedia({ audio: true }); } catch { /* no microphone */ }
  const chunks = [];
  const startedAt = Date.now();
  const type = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"].find((name) => window.MediaRecorder?.isTypeSupported(name));
  const tape = stream && type ? new MediaRecorder(stream, { mimeType: type }) : null;
  if (tape) {
    tape.ondataavailable = (event) => chunks.push(event.data);
    tape.start();
  } else toast("Sem microfone: será enviada uma nota de voz de exemplo.");
  signal("composing", "audio");
  const timer = setInterval(() => { byId("recording-time").textContent = duration((Date.now() - startedAt) / 1000); }, 250);
  const stop = (then) => {
    clearInterval(timer);
    recorder = null;
    byId("recording").hidden = true;
    field.hidden = false;
    resize();
    signal("paused");
    if (tape) {
      tape.onstop = () => then(new Blob(chunks, { type }));
      tape.stop();
      stream.getTracks().forEach((track) => track.stop());
    } else then(null);
  };
  recorder = {
    cancel: () => stop(() => {}),
    finish: () => stop((blob) => (blob ? sendFile("audio", blob, { seconds: Math.max(1, Math.round((Date.now() - startedAt) / 1000)) }) : sendExtra({ kind: "audio" }))),
  };
  byId("recording-time").textContent = "0:00";
  byId("recording").hidden = false;
  field.hidden = true;
  resize();
}

export function cancelRecording() { recorder?.cancel(); }

export function start() {
  field.addEventListener("input", typed);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); submit(); }
    if (event.key === "Escape" && acting) leaveContext();
  });
  byId("composer-form").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  byId("context-cancel").addEventListener("click", leaveContext);
  byId("mic").addEventListener("click", startRecording);
  byId("recording-cancel").addEventListener("click", () => recorder?.cancel());
  byId("attach").addEventListener("click", () => toggleAttach(byId("attach-menu").hidden));
  byId("attach-menu").addEventListener("click", (event) => {
    const name = event.target.closest("[data-attach]")?.dataset.attach;
    if (!name) return;
    toggleAttach(false);
    Promise.resolve(ATTACH[name]()).catch(complain);
  });
  document.addEventListener("click", (event) => { if (!event.target.closest("#attach-menu, #attach")) toggleAttach(false); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !byId("attach-menu").hidden) { toggleAttach(false); byId("attach").focus(); } });
  byId("location-form").addEventListener("submit", (event) => {
    event.preventDefault();
    byId("location").close();
    sendExtra({
      kind: "location",
      place: byId("location-place").value.trim(),
      latitude: Number(byId("location-latitude").value),
      longitude: Number(byId("location-longitude").value),
    });
  });
  byId("others-form").addEventListener("submit", (event) => {
    event.preventDefault();
    byId("others").close();
    const options = byId("others-options").value.split(",").map((one) => one.trim()).filter(Boolean);
    sendOther(byId("others-kind").value, byId("others-text").value.trim(), options);
  });
  resize();
}

function leaveContext() {
  if (acting?.kind === "edit") field.value = "";
  setContext(null);
  resize();
}
