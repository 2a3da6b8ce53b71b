// A tile: one picture in a grid. Its verdict lives in `data-verdict`, and nowhere else.

const WORDS = { accept: "accepted", reject: "rejected", unsure: "unsure" };
// Pictures as small as handwritten digits are shown in crisp squares rather than blurred.
const TINY_PX = 48;
// A picture that was lost with the connection is asked for once more.
const RETRY_MS = 2000;
// The sizes of a page that the server takes.
const MOST_TILES = 240;
const FEWEST_TILES = 6;

// Makes a tile from an image of the API. `role` is "gridcell" where tiles get verdicts, and "button" where one is chosen.
export function makeTile({ image, path, verdict = "accept" }, picture, role) {
  const tile = document.createElement(role === "button" ? "button" : "div");
  tile.className = "tile";
  tile.tabIndex = -1;
  tile.dataset.image = image;
  tile.dataset.path = path;
  picture.alt = "";
  picture.draggable = false;
  // One that has not come yet counts as complete as long as it has no address.
  if (picture.complete && picture.naturalWidth) sharpen(picture);
  else picture.addEventListener("load", () => sharpen(picture), { once: true });
  picture.addEventListener("error", () => setTimeout(() => (picture.src = `${picture.src}`), RETRY_MS), { once: true });
  tile.append(picture);
  if (role === "button") {
    tile.type = "button";
    tile.title = path;
    tile.setAttribute("aria-label", path);
  } else {
    tile.setAttribute("role", role);
    setVerdict(tile, verdict);
  }
  return tile;
}

// Makes the tiles of a page. `marks` names those that are not accepted, and the stacks that are open; `pictureOf` gives
// an image's <img>.
export function tilesOfPage(candidates, { rejected, unsure, opened = [] }, pictureOf) {
  const verdictOf = (image) => (rejected.includes(image) ? "reject" : unsure.includes(image) ? "unsure" : "accept");
  const make = (candidate) => makeTile({ ...candidate, verdict: verdictOf(candidate.image) }, pictureOf(candidate.image), "gridcell");
  return candidates.flatMap(({ beneath = [], ...candidate }) => {
    const tile = make(candidate);
    if (!beneath.length) return [tile];
    stackOn(tile, beneath);
    if (!opened.includes(candidate.image)) return [tile];
    return [tile, ...openStack(tile, make)];
  });
}

// What lies beneath a tile: near-duplicates, for which it stands.
const stacks = new WeakMap();

function stackOn(tile, beneath) {
  stacks.set(tile, beneath);
  tile.dataset.stack = beneath.length + 1;
  const count = document.createElement("span");
  count.className = "stack-count";
  count.textContent = `× ${beneath.length + 1}`;
  tile.append(count);
  describe(tile);
}

export function isStack(tile) {
  return stacks.has(tile);
}

// Returns the tiles beneath a stack's, to be put after it; from now on each is judged by itself.
export function openStack(tile, make) {
  tile.dataset.opened = "";
  return stacks.get(tile).map((candidate) => {
    const below = make(candidate);
    below.dataset.beneath = tile.dataset.image;
    return below;
  });
}

// How many images a verdict on this tile is given to.
export function imagesOf(tile) {
  return tile.dataset.stack && !("opened" in tile.dataset) ? Number(tile.dataset.stack) : 1;
}

export function setVerdict(tile, verdict) {
  tile.dataset.verdict = verdict;
  tile.setAttribute("aria-selected", String(verdict === "accept"));
  describe(tile);
}

// Marks a tile that the ranking doubts.
export function setDoubt(tile) {
  tile.dataset.doubt = "";
  describe(tile);
}

function describe(tile) {
  const { path, verdict, stack, opened, doubt } = tile.dataset;
  const words = [path, WORDS[verdict]];
  if (stack) words.push(opened === undefined ? `stack of ${stack} alike` : `opened stack of ${stack}`);
  if (doubt !== undefined) words.push("in doubt");
  tile.setAttribute("aria-label", words.join(", "));
}

export function tilesOf(grid) {
  return [...grid.querySelectorAll(".tile")];
}

// The tile under the cursor, or null.
export function cursorTile(element) {
  return element.querySelector(".tile[data-cursor]");
}

// The tiles of a range, both ends included.
export function tilesBetween(grid, one, other) {
  const tiles = tilesOf(grid);
  const [from, to] = [tiles.indexOf(one), tiles.indexOf(other)].sort((a, b) => a - b);
  return tiles.slice(Math.max(from, 0), to + 1);
}

// What a commit says about these tiles: everything it does not name is accepted.
export function decisionOf(tiles) {
  const having = (verdict) => tiles.filter((tile) => tile.dataset.verdict === verdict).map((tile) => tile.dataset.image);
  const opened = tiles.filter((tile) => "opened" in tile.dataset).map((tile) => tile.dataset.image);
  return { rejected: having("reject"), unsure: having("unsure"), opened };
}

function sharpen(picture) {
  picture.classList.toggle("tiny", picture.naturalWidth > 0 && Math.max(picture.naturalWidth, picture.naturalHeight) <= TINY_PX);
}

// How many tiles of a page the grid has room for.
export function pageSize(grid) {
  return Math.min(Math.max(Number(grid.dataset.capacity), FEWEST_TILES), MOST_TILES);
}
