/* How the chat looks, within a shadow of its own: nothing of it meets the page's styles. */

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
textarea { flex: 1; min-width: 0; resize: none; padding: 10px 14px; max-height: 120px; scrollbar-width: none; border: 1px solid var(--line); border-radius: 22px; background: var(--paper); line-height: 1.4; }
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
