// Adds a row to a list of citations: the last one again, empty.
for (const button of document.querySelectorAll("button[data-more]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const last = [...document.getElementById(button.dataset.more).querySelectorAll(".row")].pop();
    const row = last.cloneNode(true);
    for (const input of row.querySelectorAll("input, select")) input.value = "";
    last.after(row);
    row.querySelector("input").focus();
  });
}

// Copies the text of the element that a button names.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy).textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = button.dataset.done;
  } catch {
    const range = document.createRange();
    range.selectNodeContents(document.getElementById(button.dataset.copy));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  }
});
