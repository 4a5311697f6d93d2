/* Tests a tool as its form stands, without saving it. */
"use strict";

(() => {
  const place = document.querySelector("[data-tool-test]");
  if (!place) {
    return;
  }
  const button = place.querySelector("button");
  const found = place.querySelector("[role=status]");
  const mark = found.querySelector(".pz-badge");
  const words = place.querySelector("template").content.firstElementChild.dataset;
  const part = (name) => found.querySelector(`[data-part=${name}]`);

  function show(verdict) {
    mark.textContent = verdict.is_good ? words.good : words.bad;
    mark.className = `pz-badge ${verdict.is_good ? "pz-good" : "pz-bad"}`;
    part("text").textContent = verdict.text;
    part("request").textContent = verdict.request || "";
    part("answer").hidden = !verdict.shown;
    part("answer").querySelector("pre").textContent = verdict.shown || "";
  }

  button.addEventListener("click", async () => {
    button.disabled = true;
    found.hidden = false;
    mark.className = "pz-badge";
    mark.textContent = words.busy;
    part("text").textContent = part("request").textContent = "";
    part("answer").hidden = true;
    try {
      const body = new FormData(place.closest("form"));
      const answer = await fetch(place.dataset.toolTest, { method: "POST", body });
      show(answer.ok ? await answer.json() : { is_good: false, text: place.dataset.away });
    } catch {
      show({ is_good: false, text: place.dataset.away });
    } finally {
      button.disabled = false;
    }
  });
})();
