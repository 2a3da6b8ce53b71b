// A button that opens a dialog of the page.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";

export default class extends Controller {
  static values = { dialog: String };

  open() {
    document.getElementById(this.dialogValue).showModal();
  }
}
