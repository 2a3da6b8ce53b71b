// What is said of pictures that somebody else decided while a page lay open.

const WORDS = { accept: "accepted", reject: "rejected", unsure: "left unsure" };

// "Ada accepted 3 and rejected 1, Ben accepted 2 for lark." `own` is the class of the page.
export function decidedByOthers(images, own) {
  const people = new Map();
  for (const image of images) {
    const act = image.class === own ? [WORDS[image.value], ""] : ["accepted", ` for ${image.class}`];
    const acts = people.get(image.person) ?? new Map();
    acts.set(act.join("|"), (acts.get(act.join("|")) ?? 0) + 1);
    people.set(image.person, acts);
  }
  const each = [...people].map(([person, acts]) => `${person} ${[...acts].map(([act, count]) => act.replace("|", ` ${count}`)).join(" and ")}`);
  return each.join(", ");
}

// What is said of one of them.
export function decidedBy({ person, value, class: name }) {
  return `${WORDS[value]} for ${name} by ${person}`;
}
