/**
 * Give `node:util` what tfjs-node 4.22 calls: Node 22 prints a deprecation warning for these, Node 23 took them away.
 * It refers to nothing outside itself, since its text is also run in another process.
 */
export function restoreRemovedUtils(util: object): void {
  Object.assign(util, {
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
    isArray: Array.isArray,
  });
}
