// The strip beside the grid: the order from its best at the top to its end, as a drawing. To the right of the line is what
// is left, by score; to its left what was accepted and what was rejected; across runs the estimated chance of a match.

const WIDTH = 160;
const LINE = 62;
const RIGHT = WIDTH - LINE - 4;

// `outlook.bins` go from the best scores to the worst: {left, accepted, rejected, probability}. `count` are chosen.
export function drawStrip(strip, outlook, count = 0) {
  if (!outlook?.bins.length) return strip.replaceChildren();
  const { bins } = outlook;
  const height = 100 / bins.length;
  // Square roots: a page of sixty is seen beside ten thousand.
  const most = Math.sqrt(Math.max(1, ...bins.map(({ left }) => left)));
  const mostDecided = Math.sqrt(Math.max(1, ...bins.map(({ accepted, rejected }) => accepted + rejected)));
  const parts = bins.flatMap((bin, index) => {
    const y = index * height;
    const decided = (Math.sqrt(bin.accepted + bin.rejected) / mostDecided) * (LINE - 6) || 0;
    const accepted = decided * (bin.accepted / (bin.accepted + bin.rejected || 1));
    return [
      bar("left", LINE + 2, y, (Math.sqrt(bin.left) / most) * RIGHT, height),
      bar("accepted", LINE - 2 - accepted, y, accepted, height),
      bar("rejected", LINE - 2 - decided, y, decided - accepted, height),
    ];
  });
  const line = bins.map(({ probability }, index) => `${LINE + 2 + probability * RIGHT},${(index + 0.5) * height}`).join(" ");
  parts.push(shape("line", { x1: LINE, x2: LINE, y1: 0, y2: 100, class: "strip__axis" }));
  parts.push(shape("polyline", { points: line, class: "strip__chance" }));
  if (outlook.cut !== null) parts.push(...cut(heightOf(bins, outlook.cut) * 100));
  if (count) parts.push(shape("rect", { x: 0, y: 0, width: WIDTH, height: heightOf(bins, count) * 100, class: "strip__chosen" }));
  strip.replaceChildren(...parts);
}

// Where on the strip, from 0 to 1, so many undecided images lie above.
function heightOf(bins, count) {
  let before = 0;
  for (const [index, { left }] of bins.entries()) {
    if (before + left >= count) return (index + (left ? (count - before) / left : 0)) / bins.length;
    before += left;
  }
  return 1;
}

function cut(y) {
  return [shape("line", { x1: 0, x2: WIDTH, y1: y, y2: y, class: "strip__cut" })];
}

function bar(kind, x, y, width, height) {
  return shape("rect", { x, y: y + height * 0.08, width: Math.max(width, 0), height: height * 0.84, class: `strip__${kind}` });
}

function shape(name, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
