// The size of the tiles: steps that the person chooses and this browser remembers, stretched to fill the grid.

import { Controller } from "../../vendor/stimulus/stimulus-3.2.2.js";
import { recall, remember } from "../lib/memory.js";

const STEPS_PX = [64, 80, 96, 120, 148, 184, 232, 300, 400];
const DEFAULT_STEP = 3;
const DEFAULT_STEP_ON_PHONES = 2;

export default class extends Controller {
  static targets = ["grid"];
  // `fill`: "both" fits whole rows into the height, "width" lets the grid scroll.
  static values = { name: String, fill: { type: String, default: "both" } };

  connect() {
    const usual = innerWidth < 640 ? DEFAULT_STEP_ON_PHONES : DEFAULT_STEP;
    this.step = clamp(recall(this.memory, usual));
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.gridTarget);
    this.fit();
  }

  disconnect() {
    this.observer.disconnect();
  }

  larger() {
    this.choose(this.step + 1);
  }

  smaller() {
    this.choose(this.step - 1);
  }

  choose(step) {
    this.step = clamp(step);
    remember(this.memory, this.step);
    this.fit();
  }

  // Sets the columns and the tiles' size. `capacity` is how many tiles are seen without scrolling.
  fit() {
    const area = innerSize(this.gridTarget);
    const wanted = STEPS_PX[this.step];
    const { tile, columns, rows } = this.fillValue === "width" ? byWidth(area, wanted) : better(byWidth(area, wanted), byHeight(area, wanted));
    this.capacity = columns * rows;
    this.gridTarget.dataset.capacity = this.capacity;
    const changed = this.gridTarget.dataset.columns !== String(columns);
    this.gridTarget.dataset.columns = columns;
    this.gridTarget.style.setProperty("--tile", `${tile}px`);
    this.gridTarget.style.setProperty("--columns", columns);
    if (changed) this.dispatch("changed");
  }

  get memory() {
    return `tile-size:${this.nameValue}:${innerWidth < 640 ? "phone" : "desk"}`;
  }
}

function byWidth({ width, height, gap }, wanted) {
  const columns = Math.max(1, Math.round((width + gap) / (wanted + gap)));
  const tile = Math.floor((width + gap) / columns - gap);
  return { tile, columns, rows: Math.max(1, Math.floor((height + gap) / (tile + gap))) };
}

function byHeight({ width, height, gap }, wanted) {
  const rows = Math.max(1, Math.round((height + gap) / (wanted + gap)));
  const tile = Math.max(1, Math.min(width, Math.floor((height + gap) / rows - gap)));
  return { tile, columns: Math.max(1, Math.floor((width + gap) / (tile + gap))), rows };
}

function better(one, other) {
  const covered = ({ tile, columns, rows }) => tile * tile * columns * rows;
  return covered(other) >= covered(one) ? other : one;
}

function innerSize(grid) {
  const style = getComputedStyle(grid);
  const inside = (start, end) => parseFloat(style[start]) + parseFloat(style[end]);
  return {
    width: grid.clientWidth - inside("paddingLeft", "paddingRight"),
    height: grid.clientHeight - inside("paddingTop", "paddingBottom"),
    gap: parseFloat(style.columnGap) || 0,
  };
}

function clamp(step) {
  return Math.min(Math.max(step, 0), STEPS_PX.length - 1);
}
