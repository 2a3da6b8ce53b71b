// What is told of those at work on a class.

// One line for each person, however many reviews of the class they have: their pages and what they accepted, summed.
export function byPerson(reviews) {
  const people = new Map();
  for (const { person, mine, pages, accepted } of reviews) {
    const before = people.get(person) ?? { pages: 0, accepted: 0 };
    people.set(person, { person, mine, pages: before.pages + pages, accepted: before.accepted + accepted });
  }
  return [...people.values()];
}
