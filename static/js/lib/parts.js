// Parts of pictures: {left, top, width, height}, each from 0 to 1, as the API has them.

const SHOWN_PX = 128;

// Resolves with the address of a small picture of this part.
export async function pictureOfPart(source, { left, top, width, height }) {
  const whole = new Image();
  whole.src = source;
  await whole.decode();
  const [from, down] = [left * whole.naturalWidth, top * whole.naturalHeight];
  const [across, high] = [width * whole.naturalWidth, height * whole.naturalHeight];
  const scale = SHOWN_PX / Math.max(across, high);
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(across * scale));
  canvas.height = Math.max(1, Math.round(high * scale));
  canvas.getContext("2d").drawImage(whole, from, down, across, high, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/webp");
}

// The rectangle between two points, kept within the picture.
export function between(one, other) {
  const [left, right] = [inside(Math.min(one.x, other.x)), inside(Math.max(one.x, other.x))];
  const [top, bottom] = [inside(Math.min(one.y, other.y)), inside(Math.max(one.y, other.y))];
  return { left, top, width: right - left, height: bottom - top };
}

// The rectangle moved, as far as the picture reaches.
export function moved({ left, top, width, height }, across, down) {
  return { left: clamp(left + across, 1 - width), top: clamp(top + down, 1 - height), width, height };
}

// The rectangle with its right and its lower edge moved, but no smaller than `least` {width, height}.
export function stretched({ left, top, width, height }, across, down, least) {
  return {
    left,
    top,
    width: Math.min(Math.max(width + across, least.width), 1 - left),
    height: Math.min(Math.max(height + down, least.height), 1 - top),
  };
}

function inside(value) {
  return clamp(value, 1);
}

function clamp(value, most) {
  return Math.min(Math.max(value, 0), most);
}
