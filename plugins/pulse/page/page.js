"use strict";
// The page works without this: it follows Airflow's own light and dark, moves in the calendar by arrow keys, opens
// the dialog, and takes links to runs out of the frame that Airflow puts the page in.
(() => {
  const root = document.documentElement;

  // Airflow's shell is of the same origin; anything else leaves the choice to the system.
  const shell = () => {
    try {
      return window.parent !== window && window.parent.document ? window.parent.document : null;
    } catch {
      return null;
    }
  };
  const follow = () => {
    const outer = shell();
    if (!outer) return;
    const is = name => outer.documentElement.classList.contains(name) || outer.documentElement.dataset.theme === name;
    const theme = ["dark", "light"].find(is);
    if (theme) root.dataset.theme = theme;
  };
  follow();
  if (shell()) {
    new MutationObserver(follow).observe(shell().documentElement, {attributes: true, attributeFilter: ["class", "data-theme"]});
  }

  // The frame may not open windows or move the shell, but a link of the shell's own document may.
  const leave = event => {
    const link = event.target.closest("a[data-airflow]");
    const outer = shell();
    if (!link || !outer || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const own = outer.createElement("a");
    own.href = new URL(link.getAttribute("href"), window.location.href).href;
    outer.body.append(own);
    own.click();
    own.remove();
  };

  // One stop for the tab key in each calendar; arrows go on from there.
  const roving = table => {
    const cells = [...table.querySelectorAll("tbody tr")].map(row => [...row.querySelectorAll("a.day")]);
    if (!cells.length || !cells[0].length) return;
    cells.flat().forEach(cell => { cell.tabIndex = -1; });
    cells[0].at(-1).tabIndex = 0;
    const steps = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]};
    table.addEventListener("keydown", event => {
      const step = steps[event.key];
      const row = cells.findIndex(of => of.includes(event.target));
      if (!step || row < 0) return;
      const next = cells[row + step[0]]?.[cells[row].indexOf(event.target) + step[1]];
      event.preventDefault();
      if (!next) return;
      event.target.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
  };

  const ready = () => {
    document.addEventListener("click", event => {
      leave(event);
      const opens = event.target.closest("[data-opens]");
      if (opens) document.getElementById(opens.dataset.opens).showModal();
      const closes = event.target.closest("[data-closes]");
      if (closes) document.getElementById(closes.dataset.closes).close();
      const fills = event.target.closest("[data-fills]");
      if (fills) {
        const field = document.getElementById(fills.dataset.fills);
        field.value = fills.dataset.text;
        field.focus();
      }
    });
    document.querySelectorAll(".calendar table").forEach(roving);
    // The latest days are what the page is about, and stand at the right.
    document.querySelectorAll(".calendar, .wide").forEach(box => { box.scrollLeft = box.scrollWidth; });
    document.querySelectorAll("select[data-also]").forEach(choice => {
      const also = choice.form.elements[choice.dataset.also];
      choice.addEventListener("change", () => { also.value = choice.selectedOptions[0].dataset.value; });
    });
    document.querySelectorAll("input[data-filters]").forEach(field => {
      const parts = [...document.getElementById(field.dataset.filters).children];
      field.addEventListener("input", () => {
        const text = field.value.trim().toLowerCase();
        parts.forEach(part => { part.hidden = !(part.dataset.text ?? "").includes(text); });
      });
    });
    document.getElementById("sql")?.addEventListener("keydown", event => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form.querySelector("button.main").click();
    });
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", ready);
  else ready();
})();
