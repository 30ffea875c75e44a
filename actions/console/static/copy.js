// Copy buttons, the counter of the note, and a token that is gone once its page is left.  Every task works without this.
"use strict";
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    const status = document.querySelector("[data-copied]");
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
      if (status) status.textContent = "Copied to the clipboard.";
    } catch {
      getSelection().selectAllChildren(source);
      if (status) status.textContent = "Selected: press Ctrl-C or ⌘C to copy.";
    }
  });
}
for (const counter of document.querySelectorAll("[data-counter]")) {
  const input = document.getElementById(counter.dataset.counter);
  const most = Number(input.dataset.count);
  const count = () => {
    const left = most - [...input.value].length;
    counter.textContent = left >= 0 ? `${left} of ${most} characters left.` : `${-left} characters too many.`;
    counter.classList.toggle("over", left < 0);
  };
  input.addEventListener("input", count);
  count();
}
addEventListener("pagehide", () => {
  for (const part of document.querySelectorAll("[data-once] output")) part.textContent = "It was shown once and is gone.";
});
