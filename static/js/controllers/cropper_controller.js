// A dialog in which a part of a picture is chosen: by dragging with mouse or finger, or by the arrow keys.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { between, moved, stretched } from "../lib/parts.js";

const AT_FIRST = { left: 0.2, top: 0.2, width: 0.6, height: 0.6 };
const LEAST_PX = 16; // as the server has it
const STEP = 0.02;
const STILL_PX = 4;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export default class extends Controller {
  static targets = ["name", "stage", "picture", "part", "said", "use"];

  // `example` is what lib/examples.js collects.
  async open({ detail: { example } }) {
    this.example = example;
    this.nameTarget.textContent = example.name;
    this.part = example.crop ?? AT_FIRST;
    this.size = null;
    this.pictureTarget.src = example.source;
    // Nothing is chosen of what nobody sees yet.
    this.say("The picture is on its way.", { usable: false });
    this.element.showModal();
    this.partTarget.focus();
    await this.pictureTarget.decode().catch(() => {});
    if (this.example !== example) return;
    const { naturalWidth, naturalHeight } = this.pictureTarget;
    if (!naturalWidth) return this.say("This browser cannot show the picture.", { problem: true });
    this.size = { width: example.width || naturalWidth, height: example.height || naturalHeight };
    this.stageTarget.style.setProperty("--ratio", naturalWidth / naturalHeight);
    this.show();
  }

  start() {
    this.choose(true);
  }

  collect() {
    this.choose(false);
  }

  choose(start) {
    if (this.tooSmall) return;
    this.element.close();
    this.dispatch("chosen", { detail: { example: this.example, crop: this.part, start } });
  }

  // Keys on the rectangle.
  key(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      return this.start();
    }
    const [across, down] = ARROWS[event.key] ?? [0, 0];
    if (!(across || down) || !this.size) return;
    event.preventDefault();
    this.part = event.shiftKey ? stretched(this.part, across * STEP, down * STEP, this.least) : moved(this.part, across * STEP, down * STEP);
    this.show();
  }

  down(event) {
    if (!event.isPrimary || event.button !== 0 || !this.size) return;
    this.stageTarget.setPointerCapture(event.pointerId);
    this.drag = { ...this.grip(event), x: event.clientX, y: event.clientY, before: this.part, begun: false };
  }

  move(event) {
    const drag = this.drag;
    if (!drag || !event.isPrimary) return;
    const far = Math.hypot(event.clientX - drag.x, event.clientY - drag.y);
    if (!drag.begun && far < STILL_PX) return;
    drag.begun = true;
    const point = this.point(event);
    this.part = drag.anchor ? between(drag.anchor, point) : moved(drag.before, point.x - drag.from.x, point.y - drag.from.y);
    this.show();
  }

  up() {
    this.drag = null;
    // Where the keys are, whatever the mouse did.
    this.partTarget.focus();
  }

  // What a press takes hold of: a corner, whose opposite then stays; the rectangle; or a new one.
  grip(event) {
    const { left, top, width, height } = this.part;
    const corner = event.target.dataset.corner;
    if (corner) return { anchor: { x: corner.includes("e") ? left : left + width, y: corner.includes("s") ? top : top + height } };
    return this.partTarget.contains(event.target) ? { from: this.point(event) } : { anchor: this.point(event) };
  }

  // Where on the picture: 0 to 1, beyond where the pointer is beyond.
  point({ clientX, clientY }) {
    const area = this.stageTarget.getBoundingClientRect();
    return { x: (clientX - area.left) / area.width, y: (clientY - area.top) / area.height };
  }

  show() {
    for (const side of ["left", "top", "width", "height"]) this.partTarget.style[side] = `${100 * this.part[side]}%`;
    const pixels = this.pixels;
    if (this.tooSmall) this.say(`Only ${pixels}: a part needs at least ${LEAST_PX} a side.`, { problem: true });
    else this.say(`${percent(this.part.width)} × ${percent(this.part.height)} of the picture, ${percent(this.part.left)} from the left, ${percent(this.part.top)} from the top: ${pixels}`);
  }

  say(words, { problem = false, usable = !problem } = {}) {
    this.saidTarget.textContent = words;
    this.saidTarget.toggleAttribute("data-problem", problem);
    for (const button of this.useTargets) button.disabled = !usable;
  }

  get pixels() {
    const [width, height] = [this.part.width * this.size.width, this.part.height * this.size.height].map(Math.round);
    return `${width} × ${height} pixels`;
  }

  get tooSmall() {
    if (!this.size) return true;
    return this.part.width < this.least.width - 1e-9 || this.part.height < this.least.height - 1e-9;
  }

  get least() {
    return { width: Math.min(1, LEAST_PX / this.size.width), height: Math.min(1, LEAST_PX / this.size.height) };
  }
}

function percent(share) {
  return `${Math.round(100 * share)} %`;
}
