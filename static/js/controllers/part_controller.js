// An <img> that shows a part of a picture.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { pictureOfPart } from "../lib/parts.js";

export default class extends Controller {
  static values = { of: String, crop: Object };

  async connect() {
    // A picture that cannot be cut is better than none.
    this.element.src = await pictureOfPart(this.ofValue, this.cropValue).catch(() => this.ofValue);
  }
}
