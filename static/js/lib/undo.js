// Takes a page's commit back.

import { send } from "./api.js";

// May be tried again: a page whose commit is no longer in force has been undone, and an answer was lost before.
export async function undoCommit(page) {
  try {
    await send("DELETE", `${page}/commit`);
  } catch (problem) {
    if (problem.code !== "nothing-to-undo") throw problem;
  }
}
