// Put into the review page by bench/page_turn.py: plays the annotator and holds the stopwatch.

window.pageTurn = {
  tiles: () => [...document.querySelectorAll(".grid--review .tile")],
  open: () => document.querySelector(".review")?.dataset.state === "open",

  // Strikes out every tile that does not lie in this folder, by pointer events at its centre.
  rejectOthers(folder) {
    const wrong = this.tiles().filter((tile) => tile.dataset.path.split("/").at(-2) !== folder);
    for (const tile of wrong) {
      const { left, top, width, height } = tile.getBoundingClientRect();
      const where = { clientX: left + width / 2, clientY: top + height / 2 };
      // A pen, because a made-up mouse cannot be captured.
      for (const type of ["pointerdown", "pointerup"]) {
        tile.dispatchEvent(new PointerEvent(type, { ...where, pointerType: "pen", isPrimary: true, bubbles: true, cancelable: true }));
      }
    }
    return wrong.length;
  },

  // Resolves when an open page is on the screen with all its thumbnails painted; answers the number of tiles.
  async painted(before = null) {
    while (!this.open() || this.tiles().length === 0 || this.tiles()[0] === before) await frame();
    await Promise.all(this.tiles().map((tile) => tile.querySelector("img").decode()));
    await afterPaint();
    return this.tiles().length;
  },

  // Presses Enter and answers how many milliseconds pass until the next page is painted.
  async turn() {
    const before = this.tiles()[0];
    const start = performance.now();
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
    await this.painted(before);
    return performance.now() - start;
  },
};

function frame() {
  return new Promise(requestAnimationFrame);
}

// A message posted in a frame's callback is delivered once that frame has been painted.
async function afterPaint() {
  await frame();
  const { port1, port2 } = new MessageChannel();
  const painted = new Promise((resolve) => (port1.onmessage = resolve));
  port2.postMessage(null);
  await painted;
}
