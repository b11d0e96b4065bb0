// Returns a list of what a reader of the page would stumble over, as sentences.
(() => {
  const found = [];
  const shown = (e) => e.getClientRects().length > 0;
  const wide = document.scrollingElement.scrollWidth;
  if (wide > innerWidth) {
    const culprit = [...document.querySelectorAll("body *:not(.scroll *)")].findLast((e) => e.getBoundingClientRect().right > innerWidth);
    found.push(`the page scrolls sideways: ${wide} px in ${innerWidth}, for ${culprit?.outerHTML.slice(0, 120)}`);
  }

  const overlap = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1.5 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;

  const charts = document.querySelectorAll("figure.chart");
  if (charts.length === 0) found.push("there is no chart");
  for (const chart of charts) {
    if (chart.closest("details:not([open])")) continue;
    const name = chart.querySelector("figcaption").textContent.slice(0, 40);
    const drawn = [...chart.querySelectorAll("svg")].filter(shown);
    if (drawn.length !== 1) { found.push(`${name}: ${drawn.length} drawings are shown, want 1`); continue; }
    const frame = drawn[0].getBoundingClientRect();
    if (frame.width < 200 || frame.height < 50) found.push(`${name}: ${frame.width} by ${frame.height} px`);
    const marks = [...drawn[0].querySelectorAll(".curve, .dot, .bar, .hold, .wait")].filter((m) => {
      const box = m.getBoundingClientRect();
      return box.width + box.height > 0;
    });
    if (marks.length === 0) found.push(`${name}: no marks`);
    const labels = [...drawn[0].querySelectorAll("text")].map((e) => ({ text: e.textContent, box: e.getBoundingClientRect() }));
    labels.forEach(({ text, box }, i) => {
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1) {
        found.push(`${name}: the label "${text}" is outside of the drawing`);
      }
      for (const other of labels.slice(i + 1)) {
        if (overlap(box, other.box)) found.push(`${name}: the label "${text}" overlaps "${other.text}"`);
      }
    });
  }

  // Contrast, as WCAG 2.2 defines it.
  const channels = (color) => (color.match(/[\d.]+/g) || []).map(Number);
  const luminance = (color) => {
    const [r, g, b] = channels(color).slice(0, 3).map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (e) => {
    for (; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor;
      if (channels(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const pale = new Set();
  for (const e of document.querySelectorAll("body *:not(svg *)")) {
    if (!shown(e) || ![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    const [low, high] = [luminance(getComputedStyle(e).color), luminance(background(e))].sort((a, b) => a - b);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) pale.add(`${e.tagName} ${e.className}: contrast ${contrast.toFixed(2)}, want 4.5`);
  }
  found.push(...pale);

  if (matchMedia("print").matches) {
    for (const details of document.querySelectorAll("details[open]")) {
      if (details.lastElementChild.getBoundingClientRect().height === 0) found.push("details stay closed on paper");
    }
  }
  return found;
})()
