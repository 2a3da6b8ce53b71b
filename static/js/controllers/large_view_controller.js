// The large view of the tile under the cursor, for as long as a key or a finger is held.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { thumbnail } from "../lib/images.js";
import { cursorTile } from "../lib/tile.js";

export default class extends Controller {
  static targets = ["view", "picture", "caption"];
  static values = { images: String };

  connect() {
    this.close = this.close.bind(this);
    addEventListener("blur", this.close);
  }

  disconnect() {
    removeEventListener("blur", this.close);
  }

  open({ detail }) {
    this.show(detail.tile ?? cursorTile(this.element));
  }

  // The cursor has moved on while the view is open.
  follow({ detail: { tile } }) {
    if (!this.viewTarget.hidden) this.show(tile);
  }

  close() {
    this.viewTarget.hidden = true;
    this.pictureTarget.removeAttribute("src");
  }

  async show(tile) {
    if (!tile) return;
    const { image, path } = tile.dataset;
    this.wanted = image;
    this.captionTarget.textContent = path;
    // The small picture is there at once; the large one takes its place when it is ready.
    this.pictureTarget.src = thumbnail(this.imagesValue, image);
    this.viewTarget.hidden = false;
    const large = new Image();
    large.src = thumbnail(this.imagesValue, image, 1024);
    await large.decode().catch(() => {});
    if (this.wanted === image && !this.viewTarget.hidden && large.naturalWidth) this.pictureTarget.src = large.src;
  }
}
