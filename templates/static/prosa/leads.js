/* Drags cards of the board; what a finger does instead are the buttons of each card. */
"use strict";

(() => {
  let dragged = null;

  for (const card of document.querySelectorAll(".pz-lead-card[draggable]")) {
    card.addEventListener("dragstart", (event) => {
      dragged = card;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", card.dataset.lead);
      card.classList.add("pz-dragged");
    });
    card.addEventListener("dragend", () => {
      dragged = null;
      card.classList.remove("pz-dragged");
    });
  }

  for (const stage of document.querySelectorAll(".pz-stage")) {
    const isOther = () => dragged && dragged.closest(".pz-stage") !== stage;
    stage.addEventListener("dragover", (event) => {
      if (!isOther()) return;
      event.preventDefault();
      stage.classList.add("pz-over");
    });
    stage.addEventListener("dragleave", (event) => {
      if (!stage.contains(event.relatedTarget)) stage.classList.remove("pz-over");
    });
    stage.addEventListener("drop", (event) => {
      stage.classList.remove("pz-over");
      if (!isOther()) return;
      event.preventDefault();
      const wanted = `button[value="${stage.dataset.stage}"]`;
      const button = dragged.querySelector(`.pz-lead-move ${wanted}`);
      if (button) button.form.requestSubmit(button);
    });
  }
})();
