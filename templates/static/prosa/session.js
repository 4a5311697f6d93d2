/* Keeps what was typed in any form of a page where the login is over when it is sent. */
"use strict";

/* A server that hangs is waited for by the browser, which shows it. */
const ASKED_FOR_MS = 5000;
/* Afterwards the same form may be sent again: a file that was taken away leaves the page here. */
const SENT_FOR_MS = 3000;
/* Phones of some years ago cannot; there a form is sent as it ever was. */
const CAN_ASK = "requestSubmit" in HTMLFormElement.prototype && "timeout" in AbortSignal;

document.addEventListener("submit", async (event) => {
  const form = event.target;
  /* Not form.method: a tool has a field of that name. */
  if (!CAN_ASK || form.getAttribute("method") !== "post" || event.defaultPrevented) return;
  if (form.dataset.session === "lasts") {
    form.dataset.session = "sent";
    window.setTimeout(() => delete form.dataset.session, SENT_FOR_MS);
    return;
  }
  event.preventDefault();
  if (form.dataset.session) return; /* Clicked twice. */
  form.dataset.session = "asked";
  const notice = document.querySelector("[data-session-url]");
  const isOver = await fetch(notice.dataset.sessionUrl, {
    method: "HEAD",
    redirect: "manual",
    cache: "no-store",
    signal: AbortSignal.timeout(ASKED_FOR_MS),
  }).then((answer) => answer.type === "opaqueredirect", () => false); /* Away: the browser says so. */
  notice.hidden = !isOver;
  if (isOver) {
    delete form.dataset.session;
    notice.scrollIntoView({ block: "center" }); /* Above it stays the page's head. */
    return;
  }
  /* Who has logged in elsewhere has another token since. */
  const token = document.cookie.match(/(?:^|; )csrftoken=(\w+)/);
  if (token && form.elements.csrfmiddlewaretoken) form.elements.csrfmiddlewaretoken.value = token[1];
  if (!form.isConnected) {
    /* A page that keeps itself up to date has made its forms anew, and only what stands in it is sent. */
    form.hidden = true;
    document.body.append(form);
  }
  form.dataset.session = "lasts";
  form.requestSubmit(event.submitter);
});
