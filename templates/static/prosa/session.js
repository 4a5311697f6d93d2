/* Keeps what was typed in a form where the login is over when it is sent. */
"use strict";

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const notice = form.querySelector("[data-session-url]");
  if (!notice || event.defaultPrevented) return;
  if (form.dataset.isSent) {
    delete form.dataset.isSent;
    return;
  }
  event.preventDefault();
  const isOver = await fetch(notice.dataset.sessionUrl, {
    method: "HEAD",
    redirect: "manual",
    cache: "no-store",
  }).then((answer) => answer.type === "opaqueredirect", () => false); /* Away: the browser says so. */
  notice.hidden = !isOver;
  if (isOver) {
    notice.scrollIntoView({ block: "nearest" });
    return;
  }
  /* Who has logged in elsewhere has another token since. */
  const token = document.cookie.match(/(?:^|; )csrftoken=(\w+)/);
  if (token) form.elements.csrfmiddlewaretoken.value = token[1];
  form.dataset.isSent = "1";
  form.requestSubmit(event.submitter);
});
