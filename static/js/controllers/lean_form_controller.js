// Leaves the fields that are empty out of a form's address, and closes the dialog that it is in.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";

export default class extends Controller {
  strip() {
    const empty = [...this.element.elements].filter((field) => field.name && !field.value);
    for (const field of empty) field.disabled = true;
    // The browser has read the fields by then.
    setTimeout(() => {
      for (const field of empty) field.disabled = false;
      this.element.closest("dialog")?.close();
    });
  }
}
