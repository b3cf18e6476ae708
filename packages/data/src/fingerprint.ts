/**
 * A short text that stands for a list of names or bytes: how many there are, and a hash of them in their order (FNV-1a,
 * 32 bits). It tells a changed data set from an unchanged one; it is no proof against somebody who wants to deceive.
 * @param count of images
 */
export function fingerprint(parts: Iterable<string> | Uint8Array, count: number): string {
  let hash = 0x811c9dc5;
  const add = (value: number): void => {
    hash = Math.imul(hash ^ value, 0x01000193);
  };
  for (const part of parts) {
    if (typeof part === 'number') add(part);
    else for (let i = 0; i <= part.length; i++) add(i < part.length ? part.charCodeAt(i) : 0);
  }
  return `${count} images, ${(hash >>> 0).toString(16).padStart(8, '0')}`;
}
