// Where thumbnails are, and those that will probably be wanted next.

const KEPT_AT_MOST = 120;

export function thumbnail(images, image, size = 256) {
  return `${images}/${image}/thumbnail?size=${size}`;
}

// Fetches and decodes thumbnails in idle time and hands the finished elements out, so that they paint at once.
export class Lookahead {
  #images;
  #kept = new Map();

  constructor(images) {
    this.#images = images;
  }

  // Returns an <img> of the thumbnail, ready if it was foreseen.
  take(image) {
    const ready = this.#kept.get(image);
    if (ready === undefined) return picture(this.#images, image, "high");
    this.#kept.delete(image);
    return ready;
  }

  foresee(images) {
    const wanted = images.slice(0, KEPT_AT_MOST);
    const still = new Set(wanted);
    for (const image of this.#kept.keys()) if (!still.has(image)) this.#kept.delete(image);
    whenIdle(() => {
      for (const image of wanted) {
        if (this.#kept.has(image)) continue;
        const element = picture(this.#images, image, "low");
        this.#kept.set(image, element);
        // A picture that fails here is asked for again by the tile that shows it.
        element.decode().catch(() => this.#kept.delete(image));
      }
    });
  }
}

function picture(images, image, priority) {
  const element = new Image();
  element.fetchPriority = priority;
  element.decoding = "sync";
  element.src = thumbnail(images, image);
  return element;
}

function whenIdle(action) {
  // Two frames on, the page before has been painted.
  requestAnimationFrame(() => requestAnimationFrame(() => (window.requestIdleCallback ?? setTimeout)(action)));
}
