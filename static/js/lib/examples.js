// What a review is to start from, collected: pictures of the pool and of one's own, whole or in part, wanted or not.
// An example is {image or file, name, source, wanted, crop or null, width, height}; `source` is where it can be seen.

export class Examples {
  #all = [];

  get all() {
    return [...this.#all];
  }

  get size() {
    return this.#all.length;
  }

  // What an image of the pool counts as: "wanted", "unwanted", or null.
  standing(image) {
    const found = this.#all.filter((example) => example.image === image);
    if (!found.length) return null;
    return found.some(({ wanted }) => wanted) ? "wanted" : "unwanted";
  }

  add(example) {
    this.#all.push(example);
  }

  remove(example) {
    this.#all = this.#all.filter((each) => each !== example);
  }

  replace(example, other) {
    this.#all = this.#all.map((each) => (each === example ? other : each));
  }

  clear() {
    this.#all = [];
  }

  // Lets an image of the pool, as a whole, count as `standing`.
  set(picture, standing) {
    this.#all = this.#all.filter(({ image }) => image !== picture.image);
    if (standing) this.add({ ...picture, crop: null, wanted: standing === "wanted" });
  }

  // The query of the API, and the files that it speaks of.
  request() {
    const files = [...new Set(this.#all.filter(({ file }) => file).map(({ file }) => file))];
    const ofPool = this.#all.filter(({ image, crop }) => image && !crop);
    const query = {
      images: ofPool.filter(({ wanted }) => wanted).map(({ image }) => image),
      unwanted: ofPool.filter(({ wanted }) => !wanted).map(({ image }) => image),
      crops: this.#all.filter(({ crop }) => crop).map(({ image, file, crop }) => ({ ...(image ? { image } : { upload: files.indexOf(file) }), ...crop })),
    };
    return { query, files };
  }

  // "3 pictures, 1 not wanted"
  get words() {
    const wanted = this.#all.filter((example) => example.wanted).length;
    const unwanted = this.size - wanted;
    const pictures = wanted === 1 ? "1 picture" : `${wanted} pictures`;
    return unwanted ? `${pictures}, ${unwanted} not wanted` : pictures;
  }
}
