// Calls of the simulator's own API. Addresses are relative, so any path in front works.

const base = new URL("api/", document.baseURI.split(/[?#]/)[0]);

export class ApiError extends Error {}

async function call(method, path, body) {
  let response;
  try {
    response = await fetch(new URL(path, base), {
      method,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError("O simulador não respondeu. Ele está em execução?");
  }
  const text = await response.text();
  let answer = {};
  try { answer = JSON.parse(text); } catch { /* not from the simulator itself */ }
  if (!response.ok) throw new ApiError(answer.error || `O simulador respondeu ${response.status}.`);
  return answer;
}

export const get = (path) => call("GET", path);
export const post = (path, body = {}) => call("POST", path, body);
export const mediaUrl = (path) => new URL(path, base).href;

// One stream of news. `handlers` by kind; `onState(true|false)` tells whether it is open.
export function listen(handlers, onState) {
  const source = new EventSource(new URL("events", base));
  source.onopen = () => onState(true);
  source.onerror = () => onState(false);
  for (const [kind, handler] of Object.entries(handlers)) {
    source.addEventListener(kind, (event) => handler(JSON.parse(event.data)));
  }
  // A page kept for the back button must not hold a connection.
  addEventListener("pagehide", () => source.close());
}
