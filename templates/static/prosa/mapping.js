/* Puts a ready body into the field; nothing is kept before the button says so. */
"use strict";

for (const button of document.querySelectorAll("[data-ready]")) {
  button.addEventListener("click", () => {
    const field = document.querySelector("#id_template");
    field.value = button.dataset.ready;
    field.focus();
    field.scrollTop = 0;
  });
}
