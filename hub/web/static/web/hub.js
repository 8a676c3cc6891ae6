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

// Shows one of several panels at a time; without this script all of them stand one below the other.
for (const list of document.querySelectorAll("[role=tablist]")) {
  const tabs = [...list.querySelectorAll("[role=tab]")];
  const choose = (chosen) => {
    for (const tab of tabs) {
      const panel = document.getElementById(tab.getAttribute("aria-controls"));
      tab.hidden = false;
      tab.tabIndex = tab === chosen ? 0 : -1;
      tab.setAttribute("aria-selected", String(tab === chosen));
      panel.hidden = tab !== chosen;
      panel.querySelector("h3").hidden = true;
    }
  };
  list.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) choose(tab);
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
    choose(next);
    next.focus();
  });
  choose(tabs[0]);
}
