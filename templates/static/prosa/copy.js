/* Buttons that copy what stands in a field. */
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = document.querySelector(button.dataset.copy);
  field.focus();
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    /* Without https a browser copies only what is selected. */
    if (!document.execCommand("copy")) return;
  }
  button.dataset.before ??= button.textContent;
  button.textContent = button.dataset.copied;
  setTimeout(() => {
    button.textContent = button.dataset.before;
  }, 2000);
});
