// Copies a text; where the browser does not allow it, the text is selected, so that a key does.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";

export default class extends Controller {
  static targets = ["text", "button"];

  async copy() {
    try {
      await navigator.clipboard.writeText(this.textTarget.textContent);
      this.buttonTarget.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(this.textTarget);
      this.buttonTarget.textContent = "Selected: copy it with Ctrl+C";
    }
  }
}
