/**
 * Class targets with label smoothing (Szegedy et al. 2016), as PyTorch's and timm's losses spread it: the
 * true class gets 1 - smoothing + smoothing / classes, all others smoothing / classes.
 * @param labels [batch], each in [0, classes)
 * @returns [batch, class], row-major
 * @throws when a label is out of range; names the label and its place.
 */
export function smoothTargets(labels: ArrayLike<number>, classes: number, smoothing = 0): Float32Array {
  if (!(smoothing >= 0 && smoothing < 1))
    throw new Error(`label smoothing must be in [0, 1), got ${smoothing}`);
  const targets = new Float32Array(labels.length * classes).fill(smoothing / classes);
  for (let sample = 0; sample < labels.length; sample++) {
    const label = labels[sample]!;
    if (!Number.isInteger(label) || label < 0 || label >= classes)
      throw new Error(`label ${label} of sample ${sample} is not one of ${classes} classes`);
    targets[sample * classes + label]! += 1 - smoothing;
  }
  return targets;
}
