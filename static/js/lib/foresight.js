// Knows the next page before it is asked for: while a page is looked at, the server tells what would follow if it were
// committed as it is marked just then, and those thumbnails are fetched, in one answer, and decoded in idle time.

import { send } from "./api.js";
import { blank, fill, picture, thumbnail } from "./images.js";

// Marks often come in bursts; the server is asked once they pause.
const PAUSE_MS = 200;

export class Foresight {
  #images;
  #pages;
  #thumbnails;
  #kept = new Map();
  #asked = 0;
  #timer;

  constructor(images, pages, thumbnails) {
    this.#images = images;
    this.#pages = pages;
    this.#thumbnails = thumbnails;
  }

  // Returns an <img> of the thumbnail, ready if it was foreseen.
  take(image) {
    const ready = this.#kept.get(image);
    if (ready === undefined) return picture(this.#images, image, "high");
    this.#kept.delete(image);
    return ready;
  }

  // The page is on the screen, and would be committed with this decision.
  consider(page, decision) {
    clearTimeout(this.#timer);
    const question = ++this.#asked;
    this.#timer = setTimeout(async () => {
      // Without foresight the next page still comes, only its thumbnails later.
      const ahead = await send("POST", `${this.#pages}/${page}/ahead`, decision).catch(() => null);
      if (ahead !== null && question === this.#asked) this.#prepare(ahead.images);
    }, PAUSE_MS);
  }

  // The page has been sent: what is under way is of no use any more.
  rest() {
    clearTimeout(this.#timer);
    this.#asked++;
  }

  #prepare(images) {
    const wanted = new Set(images);
    for (const image of this.#kept.keys()) if (!wanted.has(image)) this.#kept.delete(image);
    const missing = images.filter((image) => !this.#kept.has(image));
    if (missing.length) whenIdle(() => this.#fetch(missing));
  }

  // Whoever takes one before it has come gets it as soon as it has.
  async #fetch(images) {
    const fresh = images.map((image) => [image, blank()]);
    for (const [image, element] of fresh) this.#kept.set(image, element);
    const form = await send("POST", this.#thumbnails, { images }).catch(() => new FormData());
    for (const [image, element] of fresh) {
      const file = form.get(image);
      if (file) fill(element, file);
      else element.src = thumbnail(this.#images, image);
      // A picture that fails here is asked for again by the tile that shows it.
      element.decode().catch(() => this.#kept.get(image) === element && this.#kept.delete(image));
    }
  }
}

function whenIdle(action) {
  (window.requestIdleCallback ?? setTimeout)(action);
}
