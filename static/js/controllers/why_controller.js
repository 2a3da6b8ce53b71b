// Leads from the picture under the cursor to the page that tells why it has its labels.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { cursorTile } from "../lib/tile.js";

export default class extends Controller {
  static values = { pages: String };

  open() {
    const tile = cursorTile(this.element);
    if (tile) location.assign(`${this.pagesValue}/${tile.dataset.image}`);
  }
}
