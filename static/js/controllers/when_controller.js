// A moment in the words of the reader's own time zone; the server writes UTC.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";

const UNITS = [["day", 86_400], ["hour", 3600], ["minute", 60]];
const WORDS = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export default class extends Controller {
  connect() {
    const moment = new Date(this.element.dateTime);
    this.element.title = moment.toLocaleString();
    const seconds = (Date.now() - moment) / 1000;
    const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? [];
    if (!unit) this.element.textContent = "just now";
    else if (seconds > 7 * 86_400) this.element.textContent = moment.toLocaleDateString("en-GB", { dateStyle: "medium" });
    else this.element.textContent = WORDS.format(-Math.floor(seconds / size), unit);
  }
}
