// Pictures of one's own, chosen, dropped or pasted: told as `bring:files` {files}.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";

export default class extends Controller {
  choose({ target }) {
    // All that was chosen, whatever the browser thinks it is: the server says which is no picture.
    if (target.files.length) this.dispatch("files", { detail: { files: [...target.files] } });
    target.value = "";
  }

  paste(event) {
    this.take(event, event.clipboardData);
  }

  over(event) {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    this.element.dataset.dropping = "";
  }

  left(event) {
    if (!this.element.contains(event.relatedTarget)) delete this.element.dataset.dropping;
  }

  drop(event) {
    delete this.element.dataset.dropping;
    this.take(event, event.dataTransfer);
  }

  take(event, transfer) {
    const files = [...(transfer?.files ?? [])].filter((file) => file.type.startsWith("image/"));
    if (!files.length) return;
    event.preventDefault();
    this.dispatch("files", { detail: { files } });
  }
}
