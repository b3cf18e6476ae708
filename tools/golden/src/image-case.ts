import { centreCrop, type Image, NORMALISATIONS, normaliser, resample, resizeShortSide } from '@maehem/data';
import { decodeImageFile } from '@maehem/data/node';
import { type Comparison, comparePixels } from './comparison.js';
import { type NamedHostTensors, tensorNamed } from './tensors.js';

/** A channel's range after ImageNet normalisation: 1 / std, the smallest of the three. */
const NORMALISED_RANGE = 1 / Math.max(...NORMALISATIONS.imagenet.std);

/**
 * `image.png` through the evaluation transform, against PIL:
 * `resized_<short side>short`, `center_crop_<size>` of it, `normalized_hwc` of that, and
 * `random_resized_crop_box_<left>_<top>_<width>_<height>_to_<size>`.
 * @throws when the image can't be read, or the tensors lack one that another is made from.
 */
export async function runImageCase(file: string, tensors: NamedHostTensors): Promise<Comparison[]> {
  const image = await decodeImageFile(file);
  return [...evaluationPieces(image, tensors), ...boxPieces(image, tensors)];
}

function evaluationPieces(image: Image, tensors: NamedHostTensors): Comparison[] {
  const [resizedName, shortSide] = sizeIn(tensors, /^resized_(\d+)short$/, 'resized_<short side>short');
  const [croppedName, size] = sizeIn(tensors, /^center_crop_(\d+)$/, 'center_crop_<size>');
  const resized = resizeShortSide(image, shortSide);
  const cropped = centreCrop(resized, size);
  const normalised = normaliser('imagenet', 3)(cropped).values;
  const check = checker(tensors);
  return [
    check(resizedName, resized.pixels, 255),
    check(croppedName, cropped.pixels, 255),
    check('normalized_hwc', normalised, NORMALISED_RANGE),
  ];
}

/** The first tensor of a pattern, and the size in its name. */
function sizeIn(tensors: NamedHostTensors, pattern: RegExp, form: string): [name: string, size: number] {
  for (const name of tensors.keys()) {
    const match = pattern.exec(name);
    if (match !== null) return [name, Number(match[1])];
  }
  throw new Error(`golden file lacks a tensor ${form}`);
}

/**
 * The golden is Pillow's `resize(size, BICUBIC, box)`, whose kernel reaches the pixels around the box;
 * `randomResizedCrop` cuts first, as torchvision does, and differs along the edges.
 */
function boxPieces(image: Image, tensors: NamedHostTensors): Comparison[] {
  return [...tensors.keys()].flatMap((name) => {
    const match = /^random_resized_crop_box_(\d+)_(\d+)_(\d+)_(\d+)_to_(\d+)$/.exec(name);
    if (match === null) return [];
    const [left, top, width, height, size] = match.slice(1).map(Number) as [
      ...[number, number, number, number],
      number,
    ];
    return [checker(tensors)(name, resample(image, size, { left, top, width, height }).pixels, 255)];
  });
}

function checker(
  tensors: NamedHostTensors,
): (name: string, actual: ArrayLike<number>, range: number) => Comparison {
  return (name, actual, range) =>
    comparePixels('image', name, actual, tensorNamed(tensors, name).data as ArrayLike<number>, range);
}
