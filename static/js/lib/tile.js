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
  if (picture.complete) sharpen(picture);
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

// Makes the tiles of a page. `marks` names those that are not accepted; `pictureOf` gives an image's <img>.
export function tilesOfPage(candidates, { rejected, unsure }, pictureOf) {
  return candidates.map((candidate) => {
    const { image } = candidate;
    const verdict = rejected.includes(image) ? "reject" : unsure.includes(image) ? "unsure" : "accept";
    return makeTile({ ...candidate, verdict }, pictureOf(image), "gridcell");
  });
}

export function setVerdict(tile, verdict) {
  tile.dataset.verdict = verdict;
  tile.setAttribute("aria-selected", String(verdict === "accept"));
  tile.setAttribute("aria-label", `${tile.dataset.path}, ${WORDS[verdict]}`);
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
  return { rejected: having("reject"), unsure: having("unsure") };
}

function sharpen(picture) {
  picture.classList.toggle("tiny", picture.naturalWidth > 0 && Math.max(picture.naturalWidth, picture.naturalHeight) <= TINY_PX);
}

// How many tiles of a page the grid has room for.
export function pageSize(grid) {
  return Math.min(Math.max(Number(grid.dataset.capacity), FEWEST_TILES), MOST_TILES);
}
