"use strict";
// Draws each chart once it can be seen: those in a closed <details> when it is opened.
const specs = JSON.parse(document.getElementById("specs").textContent);
const drawn = new Set();
const NARROW = 480;  // pixels: below, a legend has one column, and rows have short names

function draw(node) {
  const key = node.dataset.chart;
  if (drawn.has(key)) return;
  drawn.add(key);
  const spec = specs[key];
  if (node.clientWidth < NARROW) {
    spec.config.legend.columns = 1;
    spec.config.axisY.labelLimit = 105;
  }
  vegaEmbed(node, spec, { renderer: "svg", actions: false, mode: "vega-lite" }).catch(
    (error) => { node.textContent = "This chart cannot be drawn: " + error.message; },
  );
}

function shown(node) {
  for (let up = node.parentElement; up; up = up.parentElement) {
    if (up.tagName === "DETAILS" && !up.open) return false;
  }
  return true;
}

const nodes = [...document.querySelectorAll("[data-chart]")];
nodes.filter(shown).forEach(draw);
document.querySelectorAll("details").forEach((details) => {
  details.addEventListener("toggle", () => nodes.filter(shown).forEach(draw));
});
