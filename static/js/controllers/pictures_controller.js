// A list of pictures that grows as one comes to its end, and can be filtered by path.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { send } from "../lib/api.js";
import { thumbnail } from "../lib/images.js";
import { makeTile } from "../lib/tile.js";

const AT_ONCE = 120;
const TYPING_PAUSE_MS = 250;

export default class extends Controller {
  static targets = ["list", "more", "status", "filter"];
  static values = { url: String, images: String, cell: { type: String, default: "button" } };

  connect() {
    this.observer = new IntersectionObserver(([entry]) => entry.isIntersecting && this.more(), { rootMargin: "600px" });
    this.observer.observe(this.moreTarget);
    this.restart();
  }

  disconnect() {
    this.observer.disconnect();
  }

  filter() {
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.restart(), TYPING_PAUSE_MS);
  }

  restart() {
    this.next = null;
    this.listing = {};
    this.load({ fresh: true });
  }

  more() {
    if (this.next !== null && !this.loading) this.load();
  }

  async load({ fresh = false } = {}) {
    // An answer that comes after the filter was changed belongs to nobody.
    const listing = this.listing;
    this.loading = true;
    this.statusTarget.textContent = "";
    try {
      const { items, next } = await send("GET", this.address);
      if (listing !== this.listing) return;
      const tiles = items.map((item) => this.tile(item));
      if (fresh) this.listTarget.replaceChildren(...tiles);
      else this.listTarget.append(...tiles);
      this.next = next;
      if (fresh && !items.length) this.statusTarget.textContent = this.filtered ? "No path contains this." : "There is nothing here yet.";
    } catch (problem) {
      if (listing !== this.listing) return;
      this.statusTarget.textContent = `${problem.message} Press “More pictures” to try again.`;
      this.moreTarget.hidden = false;
      this.next ??= "";
      this.loading = false;
      return;
    }
    this.loading = false;
    this.moreTarget.hidden = this.next === null;
    this.dispatch("added");
    // The button may still be in sight; the observer tells only of changes.
    this.observer.unobserve(this.moreTarget);
    this.observer.observe(this.moreTarget);
  }

  tile(item) {
    const picture = new Image();
    picture.loading = "lazy";
    picture.decoding = "async";
    picture.src = thumbnail(this.imagesValue, item.image ?? item.id);
    const tile = makeTile({ ...item, image: item.image ?? item.id }, picture, this.cellValue);
    if (item.width) Object.assign(tile.dataset, { width: item.width, height: item.height });
    if (item.labels?.length) {
      tile.dataset.labels = item.labels.map((label) => label.class ?? label).join(", ");
      tile.title += ` · ${tile.dataset.labels}`;
    }
    return tile;
  }

  get address() {
    const address = new URL(this.urlValue, location.href);
    address.searchParams.set("limit", AT_ONCE);
    if (this.next) address.searchParams.set("after", this.next);
    if (this.filtered) address.searchParams.set("path", this.filtered);
    return address.href;
  }

  get filtered() {
    return this.hasFilterTarget ? this.filterTarget.value.trim() : "";
  }
}
