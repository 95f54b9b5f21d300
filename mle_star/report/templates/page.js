"use strict";
// A link into the tree opens what it leads to.
function reveal() {
  const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  if (!target) return;
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  target.scrollIntoView();
  const summary = target.querySelector("summary");
  if (summary) summary.focus({ preventScroll: true });
}
addEventListener("hashchange", reveal);
reveal();

// What a point of a plot stands for, while the pointer is on it.
const tip = document.createElement("div");
tip.id = "tip";
tip.hidden = true;
document.body.append(tip);
for (const link of document.querySelectorAll(".plot a")) {
  const mark = link.querySelector("[aria-label]");
  if (!mark) continue;
  link.addEventListener("pointerenter", () => {
    tip.textContent = mark.getAttribute("aria-label");
    tip.hidden = false;
    const box = link.getBoundingClientRect();
    const left = Math.min(box.left, document.documentElement.clientWidth - tip.offsetWidth - 8);
    tip.style.left = Math.max(8, left) + scrollX + "px";
    tip.style.top = box.bottom + scrollY + 6 + "px";
  });
  link.addEventListener("pointerleave", () => { tip.hidden = true; });
}

// Unfold or fold the whole tree.
for (const button of document.querySelectorAll("button[data-open]")) {
  button.addEventListener("click", () => {
    const open = button.dataset.open === "true";
    for (const one of document.querySelectorAll(".tree details")) one.open = open || one.classList.contains("branch");
  });
}
for (const row of document.querySelectorAll(".all")) row.hidden = false;
