// What a person has chosen to be helped with against overlooking wrong pictures; all of it can be switched off.

import { recall, remember } from "./memory.js";

const NAME = "attention";
const USUAL = { marks: true, gather: "last", plant: true, second: true };

// {marks, gather, plant, second}: mark tiles in doubt; where on a page they are gathered, "first" or "last"; plant known
// negatives; offer a second look.
export function attention() {
  return { ...USUAL, ...recall(NAME, {}) };
}

export function setAttention(changes) {
  remember(NAME, { ...attention(), ...changes });
}
